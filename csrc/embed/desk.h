// Where callers hand requests in, the engine thread takes them up and hands outputs back, and
// delivery threads fetch these. One lock, held for moments, never together with Python's.
#pragma once

#include "deadline.h"
#include "pending.h"

#include <atomic>
#include <deque>
#include <memory>
#include <unordered_map>
#include <vector>

namespace proxyfuse::embed {

struct Submission {
  RequestId id;
  Request request;
  bool streaming; // news at every step, or one whole output
};

// What has come in for the engine thread, to be done in this order.
struct Work {
  std::deque<Submission> submissions;
  std::vector<RequestId> cancelled;
  bool cancel_all = false;
  bool stop = false; // and nothing after it
};

// One call of a callback that is due.
struct Delivery {
  std::shared_ptr<Pending> pending;
  Output news;
};

class Desk {
public:
  explicit Desk(std::size_t most);

  // Callers' side. None for a full desk; throws EngineError once it is closed.
  std::optional<RequestId> accept(Request &&request, Callback &&callback, bool streaming);
  bool cancel(RequestId id);
  bool await(RequestId id, Deadline deadline);
  bool await_all(Deadline deadline);
  void cancel_all();
  bool cancelled_all();
  // Accepts nothing more, saying why.
  void close(const std::string &why);
  std::optional<std::string> closed();
  // Nothing is pending any more: lets engine and delivery threads go.
  void stop();
  Stats stats();

  // The engine's side. Waits for something to do unless `busy`.
  Work take(bool busy);
  void tell(std::vector<Output> &&outputs);
  std::vector<RequestId> running(); // taken, and not ended
  // Everything pending ends with this error: the engine cannot go on.
  void fail_all(ErrorKind kind, const std::string &why);

  // The deliverers' side. Waits for a call that is due; none once stopped.
  std::optional<Delivery> next();
  // The call returned, or threw `failure`.
  void called(const Delivery &delivery, const std::string &failure);

private:
  void tell(Output &&output);
  bool cancel(Pending &pending);
  bool threw(Pending &pending, const std::string &failure);
  void wake_engine(std::unique_lock<std::mutex> &hold);
  void take_note(const Output &last);
  void enqueue(const std::shared_ptr<Pending> &pending);

  const std::size_t most_;
  std::mutex lock_;
  std::condition_variable work_;  // something for the engine thread
  std::condition_variable ready_; // something for a delivery thread
  std::condition_variable over_;  // a request is over
  Work incoming_;
  std::atomic<bool> arrived_{false}; // something is in it: asked for without the lock
  std::atomic<std::uint64_t> steps_{0};
  std::unordered_map<RequestId, std::shared_ptr<Pending>> pending_;
  std::deque<std::shared_ptr<Pending>> due_;
  Stats stats_;
  RequestId last_id_ = 0;
  std::optional<std::string> closed_; // why nothing is accepted any more
  bool cancelled_all_ = false;
  bool stopped_ = false;
};

} // namespace proxyfuse::embed
