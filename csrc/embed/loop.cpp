#include "loop.h"

#include "join.h"

namespace proxyfuse::embed {
namespace {

thread_local const Desk *delivering = nullptr;

// One that cannot run ends at once, alone.
void submit(Backend &backend, Desk &desk, const Submission &submission) {
  const auto refuse = [&](ErrorKind kind, const char *why) {
    std::vector<Output> last;
    last.push_back(
        last_output(submission.id, submission.request.params.n, FinishReason::error, kind, why));
    desk.tell(std::move(last));
  };
  try {
    backend.submit(submission.id, submission.request, submission.streaming);
  } catch (const ProxyFuseError &error) {
    refuse(error.kind(), error.what());
  } catch (const std::exception &error) {
    refuse(ErrorKind::engine, error.what());
  }
}

void abort_all(Backend &backend, Desk &desk, const Work &work) {
  std::vector<Output> never_begun;
  for (const Submission &submission : work.submissions)
    never_begun.push_back(last_output(submission.id, submission.request.params.n,
                                      FinishReason::abort, ErrorKind::none, ""));
  desk.tell(std::move(never_begun));
  for (const RequestId id : desk.running())
    backend.cancel(id);
}

void take_in(Backend &backend, Desk &desk, const Work &work) {
  if (work.cancel_all)
    return abort_all(backend, desk, work);
  for (const Submission &submission : work.submissions)
    submit(backend, desk, submission);
  for (const RequestId id : work.cancelled)
    backend.cancel(id);
}

// Calls it; what it threw, in words.
std::string call(const Delivery &delivery) {
  std::string failure;
  try {
    delivery.pending->callback(delivery.news);
  } catch (const std::exception &error) {
    failure = std::string("the callback threw: ") + error.what();
  } catch (...) {
    failure = "the callback threw something that is no std::exception";
  }
  return failure;
}

} // namespace

void step_until_stopped(Backend &backend, Desk &desk) {
  std::string failed; // once it has, everything that comes ends with an error
  while (true) {
    const Work work = desk.take(failed.empty() && backend.busy());
    if (work.stop)
      return;
    try {
      if (failed.empty()) {
        take_in(backend, desk, work);
        desk.tell(backend.step());
        continue;
      }
    } catch (const std::exception &error) {
      failed = std::string("failed: ") + error.what();
      desk.close(failed);
    }
    desk.fail_all(ErrorKind::engine, "the engine " + failed);
  }
}

void deliver_until_stopped(Desk &desk) {
  delivering = &desk;
  while (const std::optional<Delivery> delivery = desk.next()) {
    const std::string failure = call(*delivery);
    if (delivery->news.finished)
      delivery->pending->callback = nullptr; // what it holds is gone before its request is over
    desk.called(*delivery, failure);
  }
}

bool delivers(const Desk &desk) { return delivering == &desk; }

} // namespace proxyfuse::embed
