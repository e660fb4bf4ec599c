// Between the engine's callback, which must never wait for a client, and the thread that sends.
#pragma once

#include <chrono>
#include <condition_variable>
#include <mutex>
#include <string>
#include <utility>

struct Mail {
  std::string events; // all that came since the last, joined; empty when nothing did in time
  bool last = false;  // nothing follows
};

class Mailbox {
public:
  void put(const std::string &event, bool last) {
    const std::lock_guard lock(mutex_);
    mail_.events += event;
    mail_.last |= last;
    came_.notify_one();
  }

  Mail take(std::chrono::milliseconds patience) {
    std::unique_lock lock(mutex_);
    came_.wait_for(lock, patience, [this] { return !mail_.events.empty() || mail_.last; });
    return std::exchange(mail_, {std::string(), mail_.last});
  }

private:
  std::mutex mutex_;
  std::condition_variable came_;
  Mail mail_;
};
