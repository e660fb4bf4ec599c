// A request from the moment it is accepted until its last callback has returned.
#pragma once

#include "proxyfuse/engine.h"

#include <utility>

namespace proxyfuse::embed {

// Whoever has the desk's lock may touch it; the callback is called without, by one thread at a
// time: the one that set `calling`.
struct Pending {
  Pending(RequestId number, std::int64_t continuations, Callback receiver)
      : id(number), n(continuations), callback(std::move(receiver)) {}

  const RequestId id;
  const std::int64_t n;
  Callback callback;
  Output news; // not yet handed to the callback
  bool has_news = false;
  bool taken = false;     // by the engine
  bool cancelled = false; // the engine was told, or is about to be
  bool ended = false;     // the last output is in `news`, or was called back for
  bool waiting = false;   // in the queue for a delivery thread
  bool calling = false;
  std::string failure; // what the callback threw
};

} // namespace proxyfuse::embed
