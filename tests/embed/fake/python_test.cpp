// What stands between C++ and Python, over an interpreter and a package that only counts.
#include "../traffic.h"

#include <Python.h>

#include <random>

using namespace proxyfuse;

namespace {

EngineOptions options(const std::string &base = "stub") {
  EngineOptions options;
  options.base = base;
  return options;
}

void sixteen_threads() {
  Engine engine(options());
  std::vector<std::thread> threads;
  for (int t = 0; t < 16; ++t)
    threads.emplace_back([&, t] {
      std::mt19937 random(static_cast<unsigned>(t));
      for (int r = 0; r < 10; ++r) {
        Ear ear;
        const auto id = engine.submit(asking("x", 1 + r), ear.hearing());
        if (random() % 3 == 0)
          engine.cancel(id);
        EXPECT(engine.await(id, 60s) && ear.finished);
        EXPECT(ear.reason() == FinishReason::abort || ear.ids.size() == 1u + r);
      }
    });
  for (std::thread &thread : threads)
    thread.join();
  EXPECT(engine.stats().pending == 0 && engine.stats().accepted == 160);
}

void everything_is_read() {
  Engine engine(options());
  Request request = asking("stop", 1);
  request.params.n = 2;
  request.params.logit_bias = {{3, 0.5}};
  request.params.stop = {"END", "\xc3\xa9"};
  request.params.allowed_token_ids = {1, 2};
  request.prompt.expert = std::vector<TokenId>{1, 2};
  const Output output = engine.submit(request).get();
  EXPECT((output.prompt_token_ids == std::vector<TokenId>{1, 2, 3}));
  EXPECT(output.prompt_logprobs.size() == 3 && output.prompt_logprobs[0].empty());
  EXPECT(output.prompt_logprobs[1][0].base == -1.5 && !output.prompt_logprobs[1][0].rank);
  EXPECT(output.prompt_logprobs[2].size() == 2 && output.prompt_logprobs[2][1].rank == 1);
  const Completion &first = output.outputs.at(0), &second = output.outputs.at(1);
  EXPECT(first.stop_string == "END" && !first.stop_token_id && second.stop_token_id == 7);
  EXPECT(first.logprobs[0][0].decoded_token == "five" && first.logprobs[0][0].expert == -2.0);
  EXPECT(second.index == 1 && second.base_passes == 1 && second.cumulative_logprob == -1.0);
  request = asking("x", 2);
  request.messages = {{"user", "2 + 2?"}};
  EXPECT(engine.submit(request).get().finished);
  EXPECT(engine.submit(asking("surrogate", 1)).get().outputs[0].text == "?");
}

// A change of each field that is neither default nor what a test's requests have.
const std::vector<std::function<void(SamplingParams &)>> CHANGES = {
    [](auto &p) { p.n = 2; },
    [](auto &p) { p.temperature = 0.5; },
    [](auto &p) { p.top_p = 0.5; },
    [](auto &p) { p.top_k = 5; },
    [](auto &p) { p.min_p = 0.5; },
    [](auto &p) { p.max_tokens = 2; },
    [](auto &p) { p.min_tokens = 1; },
    [](auto &p) { p.stop = {"x"}; },
    [](auto &p) { p.stop_token_ids = {5}; },
    [](auto &p) { p.include_stop_str_in_output = true; },
    [](auto &p) { p.ignore_eos = false; },
    [](auto &p) { p.skip_special_tokens = false; },
    [](auto &p) { p.logprobs = 0; },
    [](auto &p) { p.prompt_logprobs = 0; },
    [](auto &p) { p.presence_penalty = 0.5; },
    [](auto &p) { p.frequency_penalty = 0.5; },
    [](auto &p) { p.repetition_penalty = 0.5; },
    [](auto &p) { p.logit_bias = {{5, 0.5}}; },
    [](auto &p) { p.allowed_token_ids = {5}; },
    [](auto &p) { p.alpha = 0.0; },
};

// Requests that ask for the same share Python's parameters, and not the seed.
void equal_parameters_are_one() {
  Engine engine(options());
  Request request = asking("params", 1);
  const auto made = [&](std::optional<std::uint64_t> seed) {
    request.params.seed = seed;
    const std::vector<TokenId> ids = engine.submit(request).get().outputs[0].token_ids;
    EXPECT(ids.at(1) == (seed ? static_cast<TokenId>(*seed) : -1));
    return ids.at(0);
  };
  const TokenId first = made(3);
  EXPECT(made(4) == first && made(std::nullopt) == first);
  TokenId latest = first;
  for (const auto &change : CHANGES) {
    const SamplingParams before = request.params;
    change(request.params);
    EXPECT(made(3) == latest + 1 && made(4) == latest + 1);
    ++latest;
    request.params = before;
    EXPECT(made(3) == first); // used again and again, so never the one that is let go of
  }
  EXPECT(std::size(CHANGES) == 20);
  CHANGES[0](request.params); // long ago
  EXPECT(made(3) == ++latest && made(4) == latest);
  request.params.allowed_token_ids = std::vector<TokenId>(5000, 1); // too long to be kept
  EXPECT(made(3) == latest + 1 && made(3) == latest + 2);
}

template <class Error>
void ends_with(Engine &engine, const char *prompt, const std::string &said) {
  const Output output = engine.submit(asking(prompt, 1)).get();
  EXPECT(throws<Error>([&] { output.check(); }));
  EXPECT(output.outputs[0].error.find(said) != std::string::npos);
}

void failures_have_their_kind() {
  Engine engine(options());
  ends_with<RequestError>(engine, "refused", "got one to refuse");
  ends_with<EngineError>(engine, "unknown failure", "KeyError");
  ends_with<NonFiniteError>(engine, "not finite", "NaN");
  EXPECT(throws<ModelError>([] { Engine none(options("missing")); }));
  Engine broken(options());
  ends_with<EngineError>(broken, "deadly", "the engine failed");
  EXPECT(throws<EngineError>([&] { broken.submit(asking("x", 1)); }));
  EXPECT(broken.closed() == "failed: ZeroDivisionError: a broken step" && !engine.closed());
  Engine strange(options()); // an id that fits no integer of ours
  ends_with<EngineError>(strange, "overflow", "the engine failed");
  EXPECT(engine.submit(asking("x", 3)).get().finished);
}

// In one interpreter, each with callers of its own.
void two_that_fail_at_once() {
  std::vector<std::thread> threads;
  for (int at = 0; at < 2; ++at)
    threads.emplace_back([] {
      Ear ears[4];
      {
        Engine engine(options());
        for (Ear &ear : ears)
          engine.submit(asking("x", 1 << 20), ear.hearing());
        ends_with<EngineError>(engine, "deadly", "a broken step");
      }
      for (const Ear &ear : ears)
        EXPECT(ear.finished && ear.kind() == ErrorKind::engine);
    });
  for (std::thread &thread : threads)
    thread.join();
}

void engines_come_and_go() {
  for (int at = 0; at < 5; ++at) {
    Engine first(options()), second(options());
    Ear ear;
    first.submit(asking("x", 1 << 20), ear.hearing());
    EXPECT(second.submit(asking("x", 4)).get().finished);
    EXPECT(!first.shutdown(1ms) && ear.reason() == FinishReason::abort);
  }
  EngineOptions elsewhere = options();
  elsewhere.venv = "/nowhere/at/all";
  EXPECT(throws<EnvironmentError>([&] { Engine engine(elsewhere); }));
}

// A host that ends its interpreter while an engine is open, made in a thread that Python does not
// know. Nothing imported threading before the engine did.
int hosted() {
  Py_InitializeEx(0);
  PyThreadState *const main = PyEval_SaveThread();
  std::unique_ptr<Engine> engine;
  std::thread([&] { engine = std::make_unique<Engine>(options()); }).join();
  EXPECT(engine->submit(asking("x", 3)).get().finished);
  PyEval_RestoreThread(main);
  EXPECT(Py_FinalizeEx() == 0);
  EXPECT(throws<EngineError>([&] { engine->submit(asking("x", 1)); }));
  return failures;
}

} // namespace

int main(int argc, char **argv) {
  if (argc == 2 && std::string(argv[1]) == "hosted")
    return hosted();
  return run({{"sixteen_threads", sixteen_threads},
              {"everything_is_read", everything_is_read},
              {"equal_parameters_are_one", equal_parameters_are_one},
              {"failures_have_their_kind", failures_have_their_kind},
              {"two_that_fail_at_once", two_that_fail_at_once},
              {"engines_come_and_go", engines_come_and_go}},
             argc, argv);
}
