#include "desk.h"
#include "join.h"

namespace proxyfuse::embed {

Desk::Desk(std::size_t most) : most_(most) {}

std::optional<RequestId> Desk::accept(Request &&request, Callback &&callback, bool streaming) {
  std::unique_lock hold(lock_);
  if (closed_)
    throw EngineError("got a request for an engine that " + *closed_ + ", want an open one");
  if (pending_.size() >= most_) {
    ++stats_.rejected;
    return std::nullopt;
  }
  const RequestId id = ++last_id_;
  pending_.emplace(id, std::make_shared<Pending>(id, request.params.n, std::move(callback)));
  incoming_.submissions.push_back({id, std::move(request), streaming});
  ++stats_.accepted;
  ++stats_.queued;
  wake_engine(hold);
  return id;
}

bool Desk::cancel(RequestId id) {
  std::unique_lock hold(lock_);
  const auto found = pending_.find(id);
  if (found == pending_.end() || found->second->ended)
    return false;
  if (cancel(*found->second))
    wake_engine(hold);
  return true;
}

// With the lock held. False where the engine knows: once is enough, however often it is asked for.
bool Desk::cancel(Pending &pending) {
  if (std::exchange(pending.cancelled, true))
    return false;
  incoming_.cancelled.push_back(pending.id);
  return true;
}

bool Desk::await(RequestId id, Deadline deadline) {
  std::unique_lock hold(lock_);
  return wait(over_, hold, deadline, [&] { return pending_.count(id) == 0; });
}

bool Desk::await_all(Deadline deadline) {
  std::unique_lock hold(lock_);
  return wait(over_, hold, deadline, [&] { return pending_.empty(); });
}

void Desk::cancel_all() {
  std::unique_lock hold(lock_);
  incoming_.cancel_all = cancelled_all_ = true;
  wake_engine(hold);
}

bool Desk::cancelled_all() {
  std::lock_guard hold(lock_);
  return cancelled_all_;
}

void Desk::close(const std::string &why) {
  std::lock_guard hold(lock_);
  if (!closed_)
    closed_ = why;
}

std::optional<std::string> Desk::closed() {
  std::lock_guard hold(lock_);
  return closed_;
}

void Desk::stop() {
  std::unique_lock hold(lock_);
  stopped_ = true;
  incoming_.stop = true;
  wake_engine(hold);
  ready_.notify_all();
}

Stats Desk::stats() {
  std::lock_guard hold(lock_);
  Stats now = stats_;
  now.pending = pending_.size();
  now.steps = steps_;
  return now;
}

// Lets go of the lock first: a thread that is woken to find it taken has to be woken twice.
void Desk::wake_engine(std::unique_lock<std::mutex> &hold) {
  arrived_ = true;
  hold.unlock();
  work_.notify_one();
}

Work Desk::take(bool busy) {
  steps_ += busy ? 1 : 0;
  if (busy && !arrived_) // nearly every step: no lock that a deliverer may hold
    return {};
  std::unique_lock hold(lock_);
  if (!busy)
    work_.wait(hold, [&] { return arrived_.load(); });
  Work work = std::exchange(incoming_, {});
  arrived_ = incoming_.stop = work.stop;
  for (const Submission &submission : work.submissions) {
    pending_.at(submission.id)->taken = true;
    --stats_.queued;
    ++stats_.running;
  }
  return work;
}

std::optional<Delivery> Desk::next() {
  std::unique_lock hold(lock_);
  ready_.wait(hold, [&] { return !due_.empty() || stopped_; });
  if (due_.empty())
    return std::nullopt;
  std::shared_ptr<Pending> pending = std::move(due_.front());
  due_.pop_front();
  pending->waiting = false;
  pending->calling = true;
  pending->has_news = false;
  if (!pending->failure.empty()) // what is left to tell is the end
    fail(pending->news, ErrorKind::callback, pending->failure);
  return Delivery{pending, std::exchange(pending->news, {})};
}

void Desk::called(const Delivery &delivery, const std::string &failure) {
  std::unique_lock hold(lock_);
  Pending &pending = *delivery.pending;
  pending.calling = false;
  const bool cancelled = !failure.empty() && threw(pending, failure);
  if (delivery.news.finished) {
    pending_.erase(pending.id);
  } else if (pending.has_news) {
    enqueue(delivery.pending);
    ready_.notify_one();
  }
  if (cancelled)
    wake_engine(hold);
  else
    hold.unlock();
  if (delivery.news.finished)
    over_.notify_all();
}

// With the lock held. Whether the engine has to be told.
bool Desk::threw(Pending &pending, const std::string &failure) {
  ++stats_.callback_errors;
  pending.failure = failure;
  if (pending.ended)
    return false;
  pending.news = {}; // it hears of its end alone
  pending.has_news = false;
  return cancel(pending);
}

} // namespace proxyfuse::embed
