// What the engine thread drives. Defined twice and chosen when linking: over Python in python/,
// and without it by the tests, so that sanitizers can watch everything around it.
#pragma once

#include "proxyfuse/engine.h"

#include <functional>
#include <memory>
#include <vector>

namespace proxyfuse::embed {

// The engine itself. Every member is called on one thread; failures are ProxyFuseErrors.
class Backend {
public:
  // `leave` ends the engine: called when an interpreter that is not ours is about to end.
  Backend(const EngineOptions &options, std::function<void()> leave);
  ~Backend();

  // Throws where the request cannot be run, and has then forgotten it.
  void submit(RequestId id, const Request &request, bool streaming);
  // Nothing happens where it is over; else its last output comes with a step.
  void cancel(RequestId id);
  // One step of all that is running: what is new, at most one output a request.
  std::vector<Output> step();
  // Whether a step would do anything.
  bool busy() const { return busy_; }

private:
  struct Inside;
  std::unique_ptr<Inside> inside_;
  bool busy_ = false;
};

// In a thread of a host's Python: makes it import threading, which takes the first thread that does
// for the main one. That must be no thread of ours, or the host's signals go astray.
void introduce_threading();

// While one lives, the calling thread does not hold Python's lock, if it did: others need it to
// finish what this thread is waiting for.
class LetGo {
public:
  LetGo();
  ~LetGo();
  LetGo(const LetGo &) = delete;
  LetGo &operator=(const LetGo &) = delete;

private:
  void *held_; // what to take up again, or null
};

} // namespace proxyfuse::embed
