#include "impl.h"

#include "backend.h"
#include "loop.h"

#include <unistd.h>

namespace proxyfuse {

Engine::Impl::Impl(EngineOptions &&given)
    : options(std::move(given)), process_(getpid()), desk_(options.max_pending) {}

bool Engine::Impl::forked() const { return getpid() != process_; }

embed::Desk &Engine::Impl::desk() {
  if (forked())
    throw EngineError("got a call in a forked child, want one in the process that made the engine");
  return desk_;
}

void Engine::Impl::open() {
  std::promise<std::optional<Failure>> loaded;
  std::future<std::optional<Failure>> outcome = loaded.get_future();
  try {
    engine_ = std::thread([this, told = std::move(loaded)]() mutable { run(std::move(told)); });
  } catch (const std::system_error &error) {
    throw EngineError(std::string("the engine's thread: ") + error.what());
  }
  if (const std::optional<Failure> failure = outcome.get()) {
    engine_.join();
    raise(failure->kind, failure->why);
  }
  try {
    for (std::size_t at = 0; at < options.callback_threads; ++at)
      deliverers_.emplace_back([this] { embed::deliver_until_stopped(desk_); });
  } catch (const std::system_error &error) {
    shutdown(std::chrono::milliseconds{0});
    throw EngineError(std::string("callback_threads: ") + error.what());
  }
}

// The engine thread: what is made on it is also destroyed on it.
void Engine::Impl::run(std::promise<std::optional<Failure>> loaded) {
  std::optional<embed::Backend> backend;
  const auto leave = [self = weak_from_this()] {
    if (const auto engine = self.lock(); engine && !engine->forked())
      engine->shutdown(std::chrono::milliseconds{0});
  };
  try {
    backend.emplace(options, leave);
  } catch (const ProxyFuseError &error) {
    return loaded.set_value(Failure{error.kind(), error.what()});
  } catch (const std::exception &error) {
    return loaded.set_value(Failure{ErrorKind::engine, error.what()});
  }
  loaded.set_value(std::nullopt);
  embed::step_until_stopped(*backend, desk_);
}

void Engine::Impl::refuse_in_callback(const char *what) const {
  if (embed::delivers(desk_))
    throw EngineError(std::string(what) + ": got a call in a callback, which would wait for itself;"
                                          " want one from another thread");
}

bool Engine::Impl::shutdown(std::chrono::milliseconds drain) {
  refuse_in_callback("shutdown");
  embed::Desk &desk = this->desk();
  const embed::LetGo others_may_run;
  desk.close("was shut down");
  if (!desk.await_all(embed::after(drain))) {
    desk.cancel_all();
    desk.await_all(std::nullopt);
  }
  desk.stop();
  std::lock_guard hold(joining_);
  if (engine_.joinable())
    engine_.join();
  for (std::thread &deliverer : deliverers_)
    if (deliverer.joinable())
      deliverer.join();
  return !desk.cancelled_all();
}

} // namespace proxyfuse
