// How an exception becomes a status, and its message this thread's last error.
#pragma once

#include "proxyfuse/engine.h"
#include "proxyfuse/engine_c.h"

#include <exception>
#include <string>

namespace proxyfuse::c {

// Keeps the message for proxyfuse_last_error, and gives the status back.
proxyfuse_status failed(proxyfuse_status status, const char *message) noexcept;

// What `action` returns; nothing that it throws gets out.
template <class Action>
proxyfuse_status guarded(Action action) noexcept {
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
