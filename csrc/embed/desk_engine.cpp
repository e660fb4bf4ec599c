// The engine's side of the desk.
#include "desk.h"
#include "join.h"

namespace proxyfuse::embed {

void Desk::tell(std::vector<Output> &&outputs) {
  if (outputs.empty())
    return;
  std::unique_lock hold(lock_);
  const std::size_t before = due_.size();
  for (Output &output : outputs)
    tell(std::move(output));
  const std::size_t more = due_.size() - before;
  hold.unlock();
  if (more == 1)
    ready_.notify_one();
  else if (more > 1)
    ready_.notify_all();
}

std::vector<RequestId> Desk::running() {
  std::lock_guard hold(lock_);
  std::vector<RequestId> ids;
  for (const auto &[id, pending] : pending_)
    if (pending->taken && !pending->ended)
      ids.push_back(id);
  return ids;
}

void Desk::fail_all(ErrorKind kind, const std::string &why) {
  std::lock_guard hold(lock_);
  incoming_.submissions.clear();
  incoming_.cancelled.clear();
  for (const auto &[id, pending] : pending_)
    tell(last_output(id, pending->n, FinishReason::error, kind, why));
  ready_.notify_all();
}

// With the lock held.
void Desk::tell(Output &&output) {
  const auto found = pending_.find(output.request_id);
  if (found == pending_.end() || found->second->ended)
    return;
  const std::shared_ptr<Pending> &pending = found->second;
  for (const Completion &completion : output.outputs)
    stats_.tokens += completion.token_ids.size();
  if (output.finished) {
    pending->ended = true;
    take_note(output);
    --(pending->taken ? stats_.running : stats_.queued);
  }
  if (!pending->failure.empty() && !output.finished)
    return;
  if (pending->has_news)
    join(pending->news, std::move(output));
  else
    pending->news = std::move(output);
  pending->has_news = true;
  enqueue(pending);
}

void Desk::take_note(const Output &last) {
  FinishReason reason = FinishReason::stop;
  for (const Completion &completion : last.outputs) {
    stats_.base_passes += static_cast<std::uint64_t>(completion.base_passes);
    stats_.drafts += static_cast<std::uint64_t>(completion.drafted);
    stats_.drafts_kept += static_cast<std::uint64_t>(completion.accepted);
    reason = std::max(reason, completion.finish_reason);
  }
  if (reason == FinishReason::error)
    ++stats_.failed;
  else if (reason == FinishReason::abort)
    ++stats_.aborted;
  else
    ++stats_.finished;
}

void Desk::enqueue(const std::shared_ptr<Pending> &pending) {
  if (pending->waiting || pending->calling)
    return;
  pending->waiting = true;
  due_.push_back(pending);
}

} // namespace proxyfuse::embed
