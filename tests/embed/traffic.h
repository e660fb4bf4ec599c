// Requests and ears for them, for the fake engine and the real one.
#pragma once

#include "expect.h"

#include <proxyfuse/engine.h>

#include <chrono>
#include <condition_variable>
#include <mutex>
#include <thread>

using namespace std::chrono_literals;

inline proxyfuse::Request asking(const std::string &prompt, std::int64_t tokens) {
  proxyfuse::Request request;
  request.prompt = prompt;
  request.params.max_tokens = tokens;
  request.params.ignore_eos = true;
  request.params.seed = 1;
  return request;
}

// What one request was told, all told.
class Ear {
public:
  proxyfuse::Callback hearing() {
    return [this](const proxyfuse::Output &news) { hear(news); };
  }

  void hear(const proxyfuse::Output &news) {
    EXPECT(!inside_.exchange(true)); // never twice at once
    EXPECT(!finished);
    ++calls;
    for (const proxyfuse::Completion &one : news.outputs) {
      text += one.text;
      ids.insert(ids.end(), one.token_ids.begin(), one.token_ids.end());
    }
    if (news.finished)
      last = news;
    finished = news.finished;
    inside_ = false;
  }

  proxyfuse::FinishReason reason() const { return last.outputs.at(0).finish_reason; }
  proxyfuse::ErrorKind kind() const { return last.outputs.at(0).error_kind; }

  // To be read once the request is over.
  int calls = 0;
  bool finished = false;
  std::string text;
  std::vector<proxyfuse::TokenId> ids;
  proxyfuse::Output last;

private:
  std::atomic<bool> inside_{false};
};

// Something that callbacks wait at until it is opened.
class Gate {
public:
  void open() {
    std::lock_guard hold(lock_);
    open_ = true;
    event_.notify_all();
  }
  void wait() {
    std::unique_lock hold(lock_);
    event_.wait(hold, [&] { return open_; });
  }

private:
  std::mutex lock_;
  std::condition_variable event_;
  bool open_ = false;
};
