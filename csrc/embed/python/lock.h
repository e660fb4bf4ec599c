// Python's lock, held by the engine thread for as long as one of these lives.
#pragma once

#include <pybind11/embed.h>

namespace proxyfuse::embed {

class Turn {
public:
  explicit Turn(PyThreadState *thread) { PyEval_RestoreThread(thread); }
  ~Turn() { PyEval_SaveThread(); }
  Turn(const Turn &) = delete;
  Turn &operator=(const Turn &) = delete;
};

} // namespace proxyfuse::embed
