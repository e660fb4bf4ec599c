// Every number at its borders: the last that is taken, the first that is not, and what is none.
#include "../traffic.h"

#include <limits>

using namespace proxyfuse;

namespace {

constexpr double NAN_ = std::numeric_limits<double>::quiet_NaN();
constexpr double INFINITE = std::numeric_limits<double>::infinity();
constexpr std::int64_t MOST = std::numeric_limits<std::int64_t>::max();
constexpr std::int64_t LEAST = std::numeric_limits<std::int64_t>::min();
constexpr double TINY = std::numeric_limits<double>::denorm_min();

template <class Value, class Field>
void params(Field SamplingParams::*field, const std::vector<Value> &good,
            const std::vector<Value> &bad) {
  for (const Value &value : good) {
    SamplingParams p;
    p.max_tokens.reset();
    p.*field = value;
    check(p);
  }
  for (const Value &value : bad) {
    SamplingParams p;
    p.*field = value;
    EXPECT(throws<RequestError>([&] { check(p); }));
  }
}

void sampling() {
  using P = SamplingParams;
  using I = std::int64_t;
  params<I>(&P::n, {1, 1024}, {0, 1025, -1, MOST, LEAST});
  params<I>(&P::top_k, {-1, 0, (I{1} << 31) - 1}, {-2, I{1} << 31, MOST, LEAST});
  params<I>(&P::max_tokens, {1, MOST}, {0, -1, LEAST});
  params<I>(&P::min_tokens, {0, MOST}, {-1, 17, LEAST});
  params<I>(&P::logprobs, {0, 1000}, {-1, 1001, MOST, LEAST});
  params<I>(&P::prompt_logprobs, {0, 1000}, {-1, 1001, MOST, LEAST});
  params<double>(&P::temperature, {0, TINY, 3.4e38}, {-TINY, 3.5e38, NAN_, INFINITE});
  params<double>(&P::top_p, {TINY, 1}, {0, 1.0000001, -1, NAN_, INFINITE});
  params<double>(&P::min_p, {0, 1}, {-TINY, 1.0000001, NAN_, -INFINITE});
  for (auto penalty : {&P::presence_penalty, &P::frequency_penalty})
    params<double>(penalty, {-100, 100}, {-100.00001, 100.00001, NAN_, INFINITE});
  params<double>(&P::repetition_penalty, {TINY, 100}, {0, -1, 100.00001, NAN_, INFINITE});
  params<double>(&P::alpha, {-3.4e38, 0, 3.4e38}, {3.5e38, -3.5e38, NAN_, INFINITE});
  using Ids = std::vector<TokenId>;
  params<Ids>(&P::stop_token_ids, {{}, {0, 2147483647}}, {{-1}, {3, -2147483647 - 1}});
  params<Ids>(&P::allowed_token_ids, {{0}}, {{}, {-1}});
  using Bias = std::map<TokenId, double>;
  params<Bias>(&P::logit_bias, {{{0, 3.4e38}, {5, -3.4e38}}}, {{{-1, 0.0}}, {{1, NAN_}}});
  using Texts = std::vector<std::string>;
  params<Texts>(&P::stop, {{}, {"x"}}, {{""}, {"\xff"}, {"\xc0\x80"}, {"\xed\xa0\x80"}});
}

template <class Value, class Field>
void options(Field EngineOptions::*field, const std::vector<Value> &good,
             const std::vector<Value> &bad) {
  const auto opened = [&](const Value &value) {
    EngineOptions o;
    o.base = "fake";
    o.*field = value;
    Engine engine(o);
  };
  for (const Value &value : good)
    opened(value);
  for (const Value &value : bad)
    EXPECT(throws<ConfigError>([&] { opened(value); }));
}

void engine() {
  using O = EngineOptions;
  using I = std::int64_t;
  options<double>(&O::alpha, {-3.4e38, 3.4e38}, {3.5e38, NAN_, -INFINITE});
  options<double>(&O::gpu_memory_utilization, {TINY, 1}, {0, 1.0000001, NAN_});
  options<I>(&O::max_model_len, {2, 2147483647}, {1, 0, I{1} << 31, LEAST});
  options<I>(&O::max_num_seqs, {1, 65536}, {0, 65537, LEAST, MOST});
  options<I>(&O::max_num_batched_tokens, {1, 1 << 20}, {0, (1 << 20) + 1, MOST});
  options<I>(&O::page_size, {1, 65536}, {0, 65537, MOST});
  options<I>(&O::kv_cache_bytes, {1, MOST}, {0, LEAST});
  options<I>(&O::speculate, {0, 64}, {-1, 65, MOST});
  options<I>(&O::num_threads, {1, 1024}, {0, 1025, MOST});
  options<std::size_t>(&O::max_pending, {1, ~std::size_t{0}}, {0});
  options<std::size_t>(&O::callback_threads, {1, 8}, {0, 1025, ~std::size_t{0}});
  options<std::chrono::milliseconds>(&O::drain_timeout, {0ms, 1ms}, {-1ms});
  options<std::string>(&O::dtype, {"auto", "float16"}, {"", "float64", "int8"});
  options<std::string>(&O::base, {"fake"}, {"", std::string("a\0b", 3)});
  options<std::string>(&O::expert, {""}, {"alone"});
  options<std::string>(&O::proxies, {"streams", "grouped", "auto"}, {"", "both", "\xff"});
  options<std::string>(&O::base_quantization, {"", "fp8"}, {"int8", "\xff"});
  for (auto text : {&O::base, &O::revision, &O::device, &O::proxy_device, &O::venv})
    options<std::string>(text, {"fake"}, {"\xff", std::string("a\0b", 3)});
  using Texts = std::vector<std::string>;
  options<Texts>(&O::python_path, {{}, {"x"}}, {{"x", "\xc0\x80"}});
}

void prompts() {
  EngineOptions o;
  o.base = "fake";
  Engine engine(o);
  const auto refused = [&](Request request) {
    EXPECT(throws<RequestError>([&] { engine.submit(std::move(request)); }));
  };
  refused(asking("\x80", 1));
  refused(asking("\xf4\x90\x80\x80", 1));
  Request request = asking("x", 1);
  request.prompt.expert = std::vector<TokenId>{1, -1};
  refused(request);
  request = asking("x", 1);
  request.messages = {{"user", "\xff"}};
  refused(request);
  EXPECT(throws<RequestError>([&] { engine.submit(asking("x", 1), nullptr); }));
  EXPECT(engine.submit(asking("\xf0\x9f\x98\x80 \xc3\xa9", 1)).get().finished);
}

void waits() {
  EngineOptions o;
  o.base = "fake";
  Engine engine(o);
  const auto id = engine.submit(asking("x", 1 << 20), [](const Output &) {});
  for (auto none : {std::chrono::milliseconds::min(), -1ms, 0ms})
    EXPECT(!engine.await(id, none));
  EXPECT(engine.await(0) && engine.await(~RequestId{0}, 0ms));
  EXPECT(engine.cancel(id) && !engine.cancel(0));
  EXPECT(engine.await(id, std::chrono::milliseconds::max()));
  EXPECT(!engine.cancel(id));
  EXPECT(engine.shutdown(std::chrono::milliseconds::min()));
}

} // namespace

int main(int argc, char **argv) {
  return run({{"sampling", sampling}, {"engine", engine}, {"prompts", prompts}, {"waits", waits}},
             argc, argv);
}
