// What callbacks do to the engine that calls them, and what befalls two engines at once.
#include "../traffic.h"
#include "fake_backend.h"

#include <proxyfuse/engine_c.h>

#include <memory>
#include <sys/wait.h>
#include <unistd.h>

using namespace proxyfuse;

namespace {

constexpr std::int64_t ENDLESS = 1 << 30;

EngineOptions options() {
  EngineOptions options;
  options.base = "fake";
  return options;
}

void cancelling_itself() {
  Engine engine(options());
  Ear ear;
  const auto id = engine.submit(asking("x", ENDLESS), [&](const Output &news) {
    EXPECT(engine.cancel(news.request_id) == !news.finished);
    EXPECT(engine.cancel(news.request_id) == !news.finished);
    ear.hear(news);
  });
  EXPECT(engine.await(id, 20s) && ear.reason() == FinishReason::abort);
  EXPECT(engine.stats().aborted == 1 && engine.stats().callback_errors == 0);
}

// The next is always asked for by the last one's callback: shutting down ends that, too.
void asking_again_and_again() {
  Engine engine(options());
  std::atomic<int> heard{0};
  Callback again = [&](const Output &news) {
    ++heard;
    if (news.finished)
      engine.submit(asking("x", 1), again);
  };
  engine.submit(asking("x", 1), again);
  while (heard < 20)
    std::this_thread::sleep_for(1ms);
  engine.shutdown(1ms);
  EXPECT(engine.stats().pending == 0 && engine.stats().callback_errors == 1);
}

// Its callback destroys an engine while the call that handed the request in may not have returned.
void an_engine_for_one_request() {
  for (int round = 0; round < 100; ++round) {
    Gate gone;
    auto engine = std::make_unique<Engine>(options());
    Engine &watched = *engine;
    watched.submit(asking("x", ENDLESS), [](const Output &) {}); // so that it need not be woken
    watched.submit(asking("x", 1), [&](const Output &news) {
      if (!news.finished)
        return;
      engine.reset();
      gone.open();
    });
    gone.wait();
  }
}

struct ThroughC {
  proxyfuse_engine *engine = nullptr;
  proxyfuse_request *request = nullptr;
  Gate gone;

  ThroughC() {
    proxyfuse_options *options = nullptr;
    EXPECT(proxyfuse_options_create(&options) == PROXYFUSE_OK);
    EXPECT(proxyfuse_options_set(options, "base", "fake") == PROXYFUSE_OK);
    EXPECT(proxyfuse_engine_create(options, &engine) == PROXYFUSE_OK);
    proxyfuse_options_destroy(options);
    EXPECT(proxyfuse_request_create(&request) == PROXYFUSE_OK);
  }
  ~ThroughC() { proxyfuse_request_destroy(request); }
};

void all_of_c_in_a_callback() {
  ThroughC c;
  const auto hear = [](const proxyfuse_output *news, void *user) {
    ThroughC &mine = *static_cast<ThroughC *>(user);
    if (!proxyfuse_output_finished(news))
      return;
    const auto deaf = [](const proxyfuse_output *, void *) {};
    uint64_t id = 0;
    proxyfuse_stats stats;
    EXPECT(proxyfuse_submit(mine.engine, mine.request, deaf, nullptr, &id) == PROXYFUSE_OK);
    EXPECT(proxyfuse_await(mine.engine, id, -1) == PROXYFUSE_ENGINE);
    EXPECT(proxyfuse_shutdown(mine.engine, -1) == PROXYFUSE_ENGINE);
    EXPECT(proxyfuse_cancel(mine.engine, id) == PROXYFUSE_OK);
    EXPECT(proxyfuse_get_stats(mine.engine, &stats) == PROXYFUSE_OK && stats.pending == 2);
    EXPECT(proxyfuse_engine_check(mine.engine) == PROXYFUSE_OK);
    proxyfuse_engine_destroy(mine.engine);
    mine.gone.open();
  };
  EXPECT(proxyfuse_submit(c.engine, c.request, hear, &c, nullptr) == PROXYFUSE_OK);
  c.gone.wait();
}

void c_in_a_forked_child() {
  ThroughC c;
  const pid_t child = fork();
  if (child == 0) {
    alarm(20);
    const auto deaf = [](const proxyfuse_output *, void *) {};
    proxyfuse_stats stats;
    EXPECT(proxyfuse_submit(c.engine, c.request, deaf, nullptr, nullptr) == PROXYFUSE_ENGINE);
    EXPECT(proxyfuse_await(c.engine, 1, -1) == PROXYFUSE_ENGINE);
    EXPECT(proxyfuse_cancel(c.engine, 1) == PROXYFUSE_ENGINE);
    EXPECT(proxyfuse_get_stats(c.engine, &stats) == PROXYFUSE_ENGINE);
    EXPECT(proxyfuse_engine_check(c.engine) == PROXYFUSE_ENGINE);
    EXPECT(proxyfuse_shutdown(c.engine, 0) == PROXYFUSE_ENGINE);
    proxyfuse_engine_destroy(c.engine);
    _exit(failures);
  }
  int status = -1;
  EXPECT(waitpid(child, &status, 0) == child && status == 0);
  EXPECT(proxyfuse_engine_check(c.engine) == PROXYFUSE_OK);
  proxyfuse_engine_destroy(c.engine);
}

// The child of a callback is the delivery thread alone.
void forking_in_a_callback() {
  auto engine = std::make_unique<Engine>(options());
  int status = -1;
  const auto id = engine->submit(asking("x", 1), [&](const Output &) {
    const pid_t child = fork();
    if (child == 0) {
      alarm(20);
      EXPECT(throws<EngineError>([&] { engine->submit(asking("x", 1)); }));
      EXPECT(throws<EngineError>([&] { engine->shutdown(0ms); }));
      engine.reset();
      _exit(failures);
    }
    EXPECT(waitpid(child, &status, 0) == child);
  });
  EXPECT(engine->await(id, 60s) && status == 0);
}

void two_that_fail_at_once() {
  for (int round = 0; round < 20; ++round) {
    std::vector<std::unique_ptr<Engine>> engines;
    Ear ears[2][8];
    for (auto &own : ears) {
      engines.push_back(std::make_unique<Engine>(options()));
      for (Ear &ear : own)
        engines.back()->submit(asking("x", ENDLESS), ear.hearing());
    }
    std::vector<std::thread> threads;
    for (auto &engine : engines)
      threads.emplace_back([&] {
        const Output last = engine->submit(asking(fake::DEADLY, 1)).get();
        EXPECT(throws<EngineError>([&] { last.check(); }));
        EXPECT(engine->closed() == "failed: a step failed");
        engine.reset();
      });
    for (std::thread &thread : threads)
      thread.join();
    for (auto &own : ears)
      for (Ear &ear : own)
        EXPECT(ear.finished && ear.kind() == ErrorKind::engine);
  }
}

// Who hears that an engine has failed makes another in its place.
void replaced_in_a_callback() {
  Gate replaced;
  auto engine = std::make_unique<Engine>(options());
  Engine &failing = *engine;
  failing.submit(asking(fake::DEADLY, 1), [&](const Output &news) {
    EXPECT(news.finished && throws<EngineError>([&] { news.check(); }));
    engine = std::make_unique<Engine>(options());
    replaced.open();
  });
  replaced.wait();
  EXPECT(engine->submit(asking("x", 3)).get().outputs[0].token_ids.size() == 3);
}

} // namespace

int main(int argc, char **argv) {
  return run({{"cancelling_itself", cancelling_itself},
              {"asking_again_and_again", asking_again_and_again},
              {"an_engine_for_one_request", an_engine_for_one_request},
              {"all_of_c_in_a_callback", all_of_c_in_a_callback},
              {"c_in_a_forked_child", c_in_a_forked_child},
              {"forking_in_a_callback", forking_in_a_callback},
              {"two_that_fail_at_once", two_that_fail_at_once},
              {"replaced_in_a_callback", replaced_in_a_callback}},
             argc, argv);
}
