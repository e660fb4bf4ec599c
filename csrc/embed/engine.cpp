#include "proxyfuse/engine.h"

#include "backend.h"
#include "check.h"
#include "impl.h"
#include "loop.h"

namespace proxyfuse {
namespace {

RequestId accepted(std::optional<RequestId> id, const EngineOptions &options) {
  if (!id)
    throw QueueFullError(
        "got a request beside " + std::to_string(options.max_pending) +
        " unfinished ones, want at most max_pending=" + std::to_string(options.max_pending));
  return *id;
}

} // namespace

Engine::Engine(EngineOptions options) {
  embed::check(options);
  embed::introduce_threading();
  const embed::LetGo others_may_run;
  impl_ = std::make_shared<Impl>(std::move(options));
  impl_->open();
}

Engine::~Engine() {
  if (!impl_)
    return;
  if (impl_->forked()) { // even to destroy what threads of another process wait at would wait
    static_cast<void>(new std::shared_ptr<Impl>(std::move(impl_)));
    return;
  }
  const auto leave = [impl = impl_] { impl->shutdown(impl->options.drain_timeout); };
  if (embed::delivers(impl_->desk())) // a callback that held the last of it
    std::thread(leave).detach();
  else
    leave();
}

Engine::Engine(Engine &&) noexcept = default;

Engine &Engine::operator=(Engine &&other) noexcept {
  Engine old(std::move(*this)); // shut down before this takes the other's place
  impl_ = std::move(other.impl_);
  return *this;
}

// A callback may destroy the engine before the call has returned that handed its request in, or
// that waits for it: such calls hold what they use.
RequestId Engine::submit(Request request, Callback callback) {
  const auto impl = impl_;
  return accepted(try_submit(std::move(request), std::move(callback)), impl->options);
}

std::optional<RequestId> Engine::try_submit(Request request, Callback callback) {
  if (!callback)
    throw RequestError("callback: got none, want something to call");
  embed::check(request);
  const auto impl = impl_;
  return impl->desk().accept(std::move(request), std::move(callback), true);
}

std::future<Output> Engine::submit(Request request) {
  embed::check(request);
  const auto impl = impl_;
  auto promise = std::make_shared<std::promise<Output>>();
  std::future<Output> future = promise->get_future();
  accepted(
      impl->desk().accept(
          std::move(request), [promise](const Output &whole) { promise->set_value(whole); }, false),
      impl->options);
  return future;
}

bool Engine::await(RequestId id) const { return await(id, std::chrono::milliseconds::max()); }

bool Engine::await(RequestId id, std::chrono::milliseconds timeout) const {
  const auto impl = impl_;
  impl->refuse_in_callback("await");
  const embed::LetGo others_may_run;
  return impl->desk().await(id, embed::after(timeout));
}

bool Engine::cancel(RequestId id) { return impl_->desk().cancel(id); }

Stats Engine::stats() const { return impl_->desk().stats(); }

std::optional<std::string> Engine::closed() const { return impl_->desk().closed(); }

bool Engine::shutdown(std::chrono::milliseconds drain_timeout) {
  return impl_->shutdown(drain_timeout);
}

} // namespace proxyfuse
