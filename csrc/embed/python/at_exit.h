// Leaving an interpreter before it ends.
#pragma once

#include <functional>
#include <pybind11/pybind11.h>

namespace proxyfuse::embed {

// While one lives, `leave` is called when Python is about to end, which must find no thread of ours
// in it. With Python's lock held, in the thread that runs the engine.
class AtExit {
public:
  explicit AtExit(std::function<void()> leave);
  ~AtExit();
  AtExit(const AtExit &) = delete;
  AtExit &operator=(const AtExit &) = delete;

private:
  void forget() const;

  const pybind11::object leave_;
};

} // namespace proxyfuse::embed
