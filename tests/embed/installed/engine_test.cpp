// The engine itself, over Python, inside a program of C++.
#include "../traffic.h"
#include "demo.h"

#include <clocale>
#include <csignal>
#include <random>
#include <sys/wait.h>
#include <unistd.h>

using namespace proxyfuse;

namespace {

void sixteen_threads(Engine &engine) {
  const std::string wanted = engine.submit(asking("Q: 47 + 38 = ?", 12)).get().outputs[0].text;
  std::vector<std::thread> threads;
  for (int t = 0; t < 16; ++t)
    threads.emplace_back([&, t] {
      std::mt19937 random(static_cast<unsigned>(t));
      for (int r = 0; r < 4; ++r) {
        Ear ear;
        const auto id = engine.submit(asking("Q: 47 + 38 = ?", 12), ear.hearing());
        const bool cancelled = random() % 3 == 0;
        if (cancelled) {
          std::this_thread::sleep_for(std::chrono::microseconds(random() % 5000));
          engine.cancel(id);
        }
        EXPECT(engine.await(id, 60s) && ear.finished);
        EXPECT(cancelled || ear.reason() == FinishReason::length);
        EXPECT(ear.text == wanted.substr(0, ear.text.size()));
        EXPECT(cancelled || ear.text == wanted);
      }
    });
  for (std::thread &thread : threads)
    thread.join();
  EXPECT(engine.stats().pending == 0);
}

void callbacks(Engine &engine) {
  Ear good;
  std::atomic<int> slow_calls{0};
  std::string said;
  const auto slow = engine.submit(asking("slow", 30), [&](const Output &) {
    ++slow_calls;
    std::this_thread::sleep_for(20ms);
  });
  const auto bad = engine.submit(asking("bad", 2000), [&](const Output &news) {
    said = news.outputs[0].error;
    throw std::runtime_error("mine");
  });
  const auto id = engine.submit(asking("x", 12), good.hearing());
  EXPECT(engine.await(id, 60s) && engine.await(slow, 60s) && engine.await(bad, 60s));
  EXPECT(good.ids.size() == 12 && slow_calls <= 30);
  EXPECT(said == "the callback threw: mine");
}

// What only the models can tell comes with the output, as the error that Python would raise.
void refusals(Engine &engine) {
  const auto refused = [&](const Request &request) {
    const Output output = engine.submit(request).get();
    EXPECT(throws<RequestError>([&] { output.check(); }));
  };
  Request request = asking("x", 3);
  request.params.stop_token_ids = {2147483647};
  refused(request);
  request = asking("", 3);
  request.prompt.text_or_ids = std::vector<TokenId>{};
  refused(request);
  request.prompt.text_or_ids = std::vector<TokenId>(100000, 1);
  refused(request);
  request = asking("x", 3);
  request.prompt.expert = std::vector<TokenId>{1000000};
  refused(request);
  request.prompt.expert.reset();
  request.params.min_tokens = 3;
  request.params.allowed_token_ids = {0};
  request.params.ignore_eos = false;
  request.params.stop_token_ids = {0};
  refused(request);
}

void log_probabilities(Engine &engine) {
  Request request = asking("Q: 1 + 1 =", 3);
  request.params.logprobs = 2;
  request.params.prompt_logprobs = 1;
  const Output output = engine.submit(request).get();
  output.check();
  EXPECT(output.outputs[0].logprobs.size() == 3);
  EXPECT(output.prompt_logprobs.size() == output.prompt_token_ids.size());
  EXPECT(output.prompt_logprobs.at(0).empty() && !output.prompt_logprobs.at(1).empty());
  double total = 0;
  for (const TokenLogprobs &choices : output.outputs[0].logprobs) {
    EXPECT(choices.size() >= 2 && choices[0].base && choices[0].expert && choices[0].rank);
    total += choices[0].logprob;
  }
  EXPECT(std::abs(total - output.outputs[0].cumulative_logprob) < 1e-9);
  EXPECT(output.outputs[0].logprobs[0][0].token_id == output.outputs[0].token_ids[0]);
}

void conversations(Engine &engine) {
  Request request = asking("", 4);
  request.messages = {{"user", "2 + 2?"}};
  const Output output = engine.submit(request).get();
  EXPECT(output.finished); // the demo's models may have no template: refused, or answered
}

void missing_models() {
  EngineOptions options = demo();
  options.base = "/nowhere/at/all";
  EXPECT(throws<ModelError>([&] { Engine engine(options); }));
  options = demo();
  options.device = "quantum";
  EXPECT(throws<ConfigError>([&] { Engine engine(options); }));
  options = demo();
  options.kv_cache_bytes = 1;
  EXPECT(throws<ProxyFuseError>([&] { Engine engine(options); }));
  options = demo();
  options.venv = "/nowhere/at/all";
  EXPECT(throws<EnvironmentError>([&] { Engine engine(options); }));
}

void two_engines_and_shutdown_under_load(Engine &first) {
  Ear mine, theirs;
  EngineOptions options = demo();
  options.max_pending = 4;
  Engine second(options);
  const auto id = first.submit(asking("Q: 47 + 38 = ?", 12), mine.hearing());
  EXPECT(second.await(second.submit(asking("Q: 47 + 38 = ?", 12), theirs.hearing()), 60s));
  EXPECT(first.await(id, 60s) && mine.ids == theirs.ids);
  std::vector<std::future<Output>> futures;
  for (int at = 0; at < 4; ++at)
    futures.push_back(second.submit(asking("x", 200)));
  EXPECT(throws<QueueFullError>([&] { second.submit(asking("x", 1)); }));
  EXPECT(!second.shutdown(1ms));
  for (auto &future : futures)
    EXPECT(future.get().outputs[0].finish_reason == FinishReason::abort);
  EXPECT(throws<EngineError>([&] { second.submit(asking("x", 1)); }));
  options.venv =
      std::string(std::getenv("PROXYFUSE_VENV")) + "/lib/.."; // the same, spelt otherwise
  EXPECT(Engine(options).stats().pending == 0);
}

// The copy of the interpreter in a child has lost its threads, and maybe its lock.
void a_forked_child() {
  const pid_t child = fork();
  if (child == 0) {
    alarm(20);
    _exit(throws<EnvironmentError>([] { Engine engine(demo()); }) ? 0 : 1);
  }
  int status = -1;
  EXPECT(waitpid(child, &status, 0) == child && status == 0);
}

/// What SIGINT, SIGPIPE, SIGTERM and SIGSEGV do now: a parent may have let some be ignored.
std::vector<void (*)(int)> signal_handlers() {
  std::vector<void (*)(int)> found;
  for (const int number : {SIGINT, SIGPIPE, SIGTERM, SIGSEGV}) {
    struct sigaction now{};
    EXPECT(sigaction(number, nullptr, &now) == 0);
    found.push_back(now.sa_handler);
  }
  return found;
}

} // namespace

int main(int argc, char **argv) {
  const auto handlers = signal_handlers();
  const std::string before = std::setlocale(LC_ALL, nullptr);
  missing_models();
  Engine engine(demo());
  const int failed = run({{"sixteen_threads", [&] { sixteen_threads(engine); }},
                          {"callbacks", [&] { callbacks(engine); }},
                          {"refusals", [&] { refusals(engine); }},
                          {"log_probabilities", [&] { log_probabilities(engine); }},
                          {"conversations", [&] { conversations(engine); }},
                          {"a_forked_child", a_forked_child},
                          {"two_engines", [&] { two_engines_and_shutdown_under_load(engine); }}},
                         argc, argv);
  EXPECT(before == std::setlocale(LC_ALL, nullptr));
  EXPECT(handlers == signal_handlers());
  return failed || failures;
}
