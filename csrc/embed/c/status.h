// How an exception becomes a status, and its message this thread's last error.
#pragma once

#include "proxyfuse/engine.h"
#include "proxyfuse/engine_c.h"

#include <exception>
#include <initializer_list>
#include <string>

namespace proxyfuse::c {

// Keeps the message for proxyfuse_last_error, and gives the status back.
proxyfuse_status failed(proxyfuse_status status, const char *message) noexcept;

// What `action` returns; nothing that it throws gets out. It is not called where something that it
// needs is NULL: who missed an earlier failure should read of it, not crash.
template <class Action>
proxyfuse_status guarded(std::initializer_list<const void *> needed, Action action) noexcept {
  for (const void *pointer : needed)
    if (!pointer)
      return failed(PROXYFUSE_REQUEST, "got NULL, want what this function is called with");
  try {
    return action();
  } catch (const ProxyFuseError &error) {
    return failed(static_cast<proxyfuse_status>(error.kind()), error.what());
  } catch (const std::exception &error) {
    return failed(PROXYFUSE_ENGINE, error.what());
  } catch (...) {
    return failed(PROXYFUSE_ENGINE, "an unknown failure");
  }
}

} // namespace proxyfuse::c
