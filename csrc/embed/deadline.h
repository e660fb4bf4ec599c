// When a wait is over. std::chrono overflows where a caller means "for ever".
#pragma once

#include <algorithm>
#include <chrono>
#include <condition_variable>
#include <mutex>
#include <optional>

namespace proxyfuse::embed {

using Clock = std::chrono::steady_clock;
using Deadline = std::optional<Clock::time_point>; // none: never

// From now; what is longer than thirty years is for ever.
inline Deadline after(std::chrono::milliseconds timeout) {
  constexpr std::chrono::hours longest{24 * 365 * 30};
  if (timeout >= longest)
    return std::nullopt;
  return Clock::now() + std::max(timeout, std::chrono::milliseconds{0});
}

// Whether `done` came true in time.
template <class Done>
bool wait(std::condition_variable &event, std::unique_lock<std::mutex> &lock, Deadline deadline,
          Done done) {
  if (deadline)
    return event.wait_until(lock, *deadline, done);
  event.wait(lock, done);
  return true;
}

} // namespace proxyfuse::embed
