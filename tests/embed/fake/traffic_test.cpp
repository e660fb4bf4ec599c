// Many threads, slow and throwing callbacks, cancelling and shutting down under load.
#include "../traffic.h"
#include "fake_backend.h"

#include <memory>
#include <random>
#include <sys/wait.h>
#include <unistd.h>

using namespace proxyfuse;

namespace {

EngineOptions options(std::size_t most = 1 << 20, std::size_t deliverers = 1) {
  EngineOptions options;
  options.base = "fake";
  options.max_pending = most;
  options.callback_threads = deliverers;
  return options;
}

void counts(const Ear &ear, std::size_t tokens) {
  EXPECT(ear.finished && ear.ids.size() == tokens && ear.text.size() == tokens);
  for (std::size_t at = 0; at < ear.ids.size(); ++at)
    EXPECT(ear.ids[at] == static_cast<TokenId>(at));
}

void sixteen_threads(std::size_t deliverers) {
  Engine engine(options(1 << 20, deliverers));
  std::vector<std::thread> threads;
  std::atomic<std::uint64_t> ended{0};
  for (int t = 0; t < 16; ++t)
    threads.emplace_back([&, t] {
      std::mt19937 random(static_cast<unsigned>(t));
      for (int r = 0; r < 40; ++r) {
        Ear ear;
        const auto id = engine.submit(asking("x", 1 + r % 20), ear.hearing());
        if (random() % 3 == 0) {
          std::this_thread::sleep_for(std::chrono::microseconds(random() % 300));
          engine.cancel(id);
        }
        EXPECT(engine.await(id, 20s));
        EXPECT(ear.finished);
        EXPECT(ear.reason() == FinishReason::length || ear.reason() == FinishReason::abort);
        counts(ear, ear.ids.size());
        EXPECT(ear.reason() != FinishReason::length || ear.ids.size() == 1u + r % 20);
        ++ended;
      }
    });
  for (std::thread &thread : threads)
    thread.join();
  const Stats stats = engine.stats();
  EXPECT(ended == 640 && stats.accepted == 640 && stats.finished + stats.aborted == 640);
  EXPECT(stats.pending == 0 && stats.queued == 0 && stats.running == 0);
}

void futures() {
  Engine engine(options());
  std::vector<std::future<Output>> futures;
  for (int at = 1; at <= 30; ++at)
    futures.push_back(engine.submit(asking("x", at)));
  for (std::size_t at = 0; at < futures.size(); ++at) {
    const Output output = futures[at].get();
    output.check();
    EXPECT(output.finished && output.outputs[0].token_ids.size() == at + 1);
  }
  auto refused = engine.submit(asking(fake::REFUSED, 1)).get();
  EXPECT(throws<RequestError>([&] { refused.check(); }));
  auto broken = engine.submit(asking(fake::BROKEN, 1)).get();
  EXPECT(throws<EngineError>([&] { broken.check(); }));
}

// A callback that is held up hears everything, joined, and holds up only its own thread.
void slow_callbacks() {
  Engine engine(options(8, 2));
  Gate gate;
  Ear slow, quick;
  const auto held = engine.submit(asking("x", 500), [&](const Output &news) {
    gate.wait();
    slow.hear(news);
  });
  EXPECT(engine.await(engine.submit(asking("x", 300), quick.hearing()), 20s));
  counts(quick, 300);
  EXPECT(!engine.await(held, 1ms));
  while (engine.stats().running > 0)
    std::this_thread::sleep_for(1ms);
  gate.open();
  EXPECT(engine.await(held));
  counts(slow, 500);
  EXPECT(slow.calls == 2); // the first call's news, and all that came during it
}

void throwing_callbacks() {
  Engine engine(options());
  Ear good;
  std::atomic<int> calls{0};
  std::string said;
  const auto bad = engine.submit(asking("x", 100000), [&](const Output &news) {
    ++calls;
    if (news.finished)
      said = news.outputs[0].error;
    throw std::runtime_error("mine");
  });
  const auto other = engine.submit(asking("x", 50), good.hearing());
  const auto number = engine.submit(asking("x", 100000), [](const Output &) { throw 7; });
  EXPECT(engine.await(bad, 20s) && engine.await(other, 20s) && engine.await(number, 20s));
  EXPECT(calls == 2 && said == "the callback threw: mine");
  counts(good, 50);
  EXPECT(engine.stats().callback_errors == 4);
}

void queue_full() {
  Engine engine(options(3));
  Gate gate;
  std::vector<RequestId> ids;
  for (int at = 0; at < 3; ++at)
    ids.push_back(engine.submit(asking("x", 2), [&](const Output &) { gate.wait(); }));
  EXPECT(!engine.try_submit(asking("x", 2), [](const Output &) {}));
  EXPECT(throws<QueueFullError>([&] { engine.submit(asking("x", 2), [](const Output &) {}); }));
  EXPECT(throws<QueueFullError>([&] { engine.submit(asking("x", 2)); }));
  EXPECT(engine.stats().rejected == 3 && engine.stats().pending == 3);
  gate.open();
  for (const RequestId id : ids)
    EXPECT(engine.await(id, 20s));
  EXPECT(engine.try_submit(asking("x", 2), [](const Output &) {}).has_value());
}

// A child has the engine's memory and none of its threads: it is told so, and never waits.
void a_forked_child() {
  auto engine = std::make_unique<Engine>(options());
  const auto id = engine->submit(asking("x", 1 << 30), [](const Output &) {});
  const pid_t child = fork();
  if (child == 0) {
    alarm(20);
    EXPECT(throws<EngineError>([&] { engine->submit(asking("x", 1)); }));
    EXPECT(throws<EngineError>([&] { engine->try_submit(asking("x", 1), [](const Output &) {}); }));
    EXPECT(throws<EngineError>([&] { engine->await(id); }));
    EXPECT(throws<EngineError>([&] { engine->cancel(id); }));
    EXPECT(throws<EngineError>([&] { engine->stats(); }));
    EXPECT(throws<EngineError>([&] { engine->closed(); }));
    EXPECT(throws<EngineError>([&] { engine->shutdown(0ms); }));
    engine.reset();
    _exit(failures);
  }
  int status = -1;
  EXPECT(waitpid(child, &status, 0) == child && status == 0);
  EXPECT(engine->submit(asking("x", 2)).get().finished && engine->cancel(id));
}

void shutdown_under_load() {
  std::vector<std::unique_ptr<Ear>> ears;
  {
    Engine engine(options());
    for (int at = 0; at < 200; ++at) {
      ears.push_back(std::make_unique<Ear>());
      engine.submit(asking("x", at % 2 ? 1000000 : 3), ears.back()->hearing());
    }
    std::vector<std::thread> threads;
    for (int at = 0; at < 4; ++at)
      threads.emplace_back([&] {
        while (!throws<EngineError>([&] { engine.submit(asking("x", 1)).get(); }))
          ;
      });
    EXPECT(!engine.shutdown(20ms) && !engine.shutdown(0ms));
    for (std::thread &thread : threads)
      thread.join();
    EXPECT(!engine.cancel(1) && engine.await(1));
  }
  for (const auto &ear : ears)
    EXPECT(ear->finished);
}

void shutdown_drains() {
  Ear ear;
  EngineOptions patient = options();
  patient.drain_timeout = 20s;
  {
    Engine(patient).submit(asking("x", 50), ear.hearing());
  }
  counts(ear, 50);
  Engine engine(options());
  engine.submit(asking("x", 50), [](const Output &) {});
  EXPECT(!engine.closed());
  EXPECT(engine.shutdown(std::chrono::milliseconds::max()) && engine.shutdown(0ms));
  EXPECT(engine.closed() == "was shut down");
}

void callbacks_call_the_engine() {
  Engine engine(options());
  Ear second;
  std::atomic<RequestId> next{0};
  const auto id = engine.submit(asking("x", 3), [&](const Output &news) {
    EXPECT(throws<EngineError>([&] { engine.await(news.request_id); }));
    EXPECT(throws<EngineError>([&] { engine.shutdown(0ms); }));
    engine.stats();
    if (news.finished)
      next = engine.submit(asking("x", 5), second.hearing());
  });
  EXPECT(engine.await(id, 20s) && engine.await(next, 20s));
  counts(second, 5);
}

void a_failing_engine() {
  Engine engine(options());
  Ear one, deadly;
  EXPECT(!engine.closed());
  const auto first = engine.submit(asking("x", 1000000), one.hearing());
  const auto id = engine.submit(asking(fake::DEADLY, 9), deadly.hearing());
  EXPECT(engine.await(id, 20s) && engine.await(first, 20s));
  EXPECT(one.kind() == ErrorKind::engine && deadly.kind() == ErrorKind::engine);
  EXPECT(engine.closed() == "failed: a step failed");
  EXPECT(one.last.outputs[0].error == "the engine failed: a step failed");
  EXPECT(throws<EngineError>([&] { engine.submit(asking("x", 1)); }));
}

void loading_that_fails() {
  EngineOptions missing = options(), strange = options();
  missing.base = "missing", strange.base = "strange";
  EXPECT(throws<ModelError>([&] { Engine engine(missing); }));
  EXPECT(throws<EngineError>([&] { Engine engine(strange); }));
}

// glibc takes the size of stacks from here; nobody has so much memory.
void no_thread_to_be_had() {
  pthread_attr_t before, absurd;
  EXPECT(pthread_getattr_default_np(&before) == 0 && pthread_attr_init(&absurd) == 0);
  EXPECT(pthread_attr_setstacksize(&absurd, std::size_t{1} << 50) == 0);
  EXPECT(pthread_setattr_default_np(&absurd) == 0);
  EXPECT(throws<EngineError>([] { Engine engine(options()); }));
  EXPECT(pthread_setattr_default_np(&before) == 0);
  EXPECT(Engine(options()).submit(asking("x", 2)).get().finished);
}

void many_continuations() {
  Engine engine(options());
  Request request = asking("x", 4);
  request.params.n = 5;
  Ear ear;
  EXPECT(engine.await(engine.submit(request, ear.hearing()), 20s));
  EXPECT(ear.ids.size() == 20 && ear.last.outputs.size() == 5);
  const Output whole = engine.submit(request).get();
  EXPECT(whole.outputs.size() == 5 && whole.outputs[4].index == 4);
}

// For LeakSanitizer: of what is made for a request, nothing is left.
void ten_thousand_requests() {
  Engine engine(options(64, 2));
  std::uint64_t accepted = 0;
  while (accepted < 10000) {
    Request request = asking(accepted % 5 ? "x" : fake::REFUSED, 1 + accepted % 2);
    const auto id = engine.try_submit(request, [held = std::string(100, 'x')](const Output &) {});
    if (id && accepted % 7 == 0)
      engine.cancel(*id);
    if (id)
      ++accepted;
    else
      std::this_thread::yield();
  }
  EXPECT(engine.shutdown(60s) && engine.stats().accepted == 10000);
  EXPECT(engine.stats().pending == 0 && engine.stats().running == 0);
}

void moved_engines() {
  Engine engine(options());
  Engine other(std::move(engine));
  EXPECT(other.submit(asking("x", 2)).get().finished);
  other = Engine(options());
  EXPECT(other.submit(asking("x", 2)).get().finished);
}

// The last owner is a callback: its engine cannot be waited for where it is destroyed.
void an_engine_that_its_callback_destroys() {
  Gate told, ended;
  auto engine = std::make_shared<Engine>(options());
  Engine &watched = *engine;
  watched.submit(asking("x", 1 << 30), [&](const Output &news) {
    if (news.finished && news.outputs[0].finish_reason == FinishReason::abort)
      ended.open();
  });
  watched.submit(asking("x", 1), [held = engine, &told](const Output &) { told.wait(); });
  engine.reset();
  told.open();
  ended.wait();
}

} // namespace

int main(int argc, char **argv) {
  return run({{"sixteen_threads", [] { sixteen_threads(1); }},
              {"sixteen_threads_four_deliverers", [] { sixteen_threads(4); }},
              {"futures", futures},
              {"slow_callbacks", slow_callbacks},
              {"throwing_callbacks", throwing_callbacks},
              {"queue_full", queue_full},
              {"a_forked_child", a_forked_child},
              {"shutdown_under_load", shutdown_under_load},
              {"shutdown_drains", shutdown_drains},
              {"callbacks_call_the_engine", callbacks_call_the_engine},
              {"a_failing_engine", a_failing_engine},
              {"loading_that_fails", loading_that_fails},
              {"no_thread_to_be_had", no_thread_to_be_had},
              {"many_continuations", many_continuations},
              {"ten_thousand_requests", ten_thousand_requests},
              {"moved_engines", moved_engines},
              {"destroyed_in_a_callback", an_engine_that_its_callback_destroys}},
             argc, argv);
}
