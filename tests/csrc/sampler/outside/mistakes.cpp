// Everything a caller can get wrong: each mistake is its own exception and leaves the sampler
// usable. Prints what fails; the exit status is how much.
#include "expect.h"

#include <cstdint>
#include <functional>
#include <type_traits>
#include <utility>

namespace {

template <class Error>
void refused(const char *wanted, const std::function<void(Batch &)> &spoil) {
  static proxyfuse::Sampler sampler(kVocabulary);
  Batch batch;
  spoil(batch);
  try {
    sampler.sample(batch.logits, batch.rows);
    expect(false, std::string("nothing was refused where ") + wanted + " is due");
  } catch (const Error &error) {
    const bool named = std::string(error.what()).find(wanted) != std::string::npos;
    expect(named, std::string("\"") + error.what() + "\" names " + wanted);
  } catch (const std::exception &error) {
    expect(false, std::string("another type of error: ") + error.what());
  }
  Batch sound;
  expect(sampler.sample(sound.logits, sound.rows)[1].finite, "a refusal leaves the sampler usable");
}

void refuse_logits() {
  using proxyfuse::LogitsError;
  refused<LogitsError>("base.data", [](Batch &b) { b.logits.base.data = nullptr; });
  refused<LogitsError>("expert.data", [](Batch &b) { b.logits.expert.data = nullptr; });
  refused<LogitsError>("antiexpert.data", [](Batch &b) {
    b.logits.antiexpert.data = reinterpret_cast<const char *>(b.values.data()) + 1;
  });
  refused<LogitsError>("base.stride: got 69", [](Batch &b) { b.logits.base.stride = 69; });
  refused<LogitsError>("expert.stride: got 0", [](Batch &b) { b.logits.expert.stride = 0; });
  refused<LogitsError>("base.stride", [](Batch &b) { b.logits.base.stride = SIZE_MAX / 4; });
  refused<LogitsError>("base.type",
                       [](Batch &b) { b.logits.base.type = static_cast<proxyfuse::LogitType>(3); });
  refused<LogitsError>("1 of antiexpert", [](Batch &b) { b.logits.antiexpert.rows = 1; });
  refused<LogitsError>("0 of expert", [](Batch &b) { b.logits.expert = {}; });
  refused<LogitsError>("1 of base", [](Batch &b) { b.logits.base.rows = 1; });
  refused<LogitsError>("base.rows", [](Batch &b) { b.logits.base.rows = SIZE_MAX; });
  refused<LogitsError>("1 requests for 2", [](Batch &b) { b.rows.pop_back(); });
  refused<LogitsError>("0 requests for 2", [](Batch &b) { b.rows.clear(); });
}

void refuse_numbers() {
  using proxyfuse::ParameterError, proxyfuse::SampleRow;
  const auto each = [](const char *name, float SampleRow::*field, std::vector<float> values) {
    for (const float value : values)
      refused<ParameterError>(name, [&](Batch &b) { b.rows[1].*field = value; });
  };
  each("rows[1].alpha", &SampleRow::alpha, {kNan, kInfinity, -kInfinity});
  each("rows[1].temperature", &SampleRow::temperature, {kNan, kInfinity, -1e-9f});
  each("rows[1].top_p", &SampleRow::top_p, {kNan, 0.f, -1.f, 1.0001f, kInfinity});
  each("rows[1].min_p", &SampleRow::min_p, {kNan, -0.1f, 1.0001f, kInfinity});
  each("rows[1].repetition_penalty", &SampleRow::repetition_penalty, {kNan, 0.f, -1.f, kInfinity});
  each("rows[1].presence_penalty", &SampleRow::presence_penalty, {kNan, kInfinity});
  each("rows[1].frequency_penalty", &SampleRow::frequency_penalty, {kNan, -kInfinity});
  for (const auto &[name, field] : {std::pair{"rows[1].top_k", &SampleRow::top_k},
                                    std::pair{"rows[1].stream", &SampleRow::stream},
                                    std::pair{"rows[1].position", &SampleRow::position}})
    for (const std::int32_t value : {-1, INT32_MIN})
      refused<ParameterError>(name, [f = field, value](Batch &b) { b.rows[1].*f = value; });
  for (const std::int32_t id : {-1, 70, INT32_MAX})
    refused<ParameterError>("rows[0].given", [id](Batch &b) { b.rows[0].given = id; });
}

void refuse_views() {
  using proxyfuse::NothingAllowedError, proxyfuse::ParameterError;
  for (const float value : {kNan, kInfinity})
    refused<ParameterError>("logit_bias", [value](Batch &b) { b.biases[3].value = value; });
  refused<ParameterError>("rows[0].prompt: got null",
                          [](Batch &b) { b.rows[0].prompt = {nullptr, 1}; });
  refused<ParameterError>("generated", [](Batch &b) { b.rows[0].generated = {nullptr, 1}; });
  refused<ParameterError>("logit_bias", [](Batch &b) { b.rows[0].logit_bias = {nullptr, 9}; });
  refused<ParameterError>("allowed", [](Batch &b) { b.rows[0].allowed = {nullptr, 3}; });
  refused<ParameterError>("got 2 words, want 3",
                          [](Batch &b) { b.rows[1].allowed = {b.mask.data(), 2}; });
  refused<ParameterError>(
      "want at most", [](Batch &b) { b.rows[0].prompt = {b.tokens.data(), std::size_t{1} << 30}; });
  refused<NothingAllowedError>("rows[1].allowed", [](Batch &b) { b.mask = {0, 0, 0}; });
  refused<NothingAllowedError>("rows[1].allowed", [](Batch &b) { b.mask = {0, 0, ~63u}; });
}

void refuse_samplers() {
  const auto refuses = [](std::size_t vocabulary, int threads, const char *set) {
    try {
      proxyfuse::Sampler sampler(vocabulary, threads, set);
      return false;
    } catch (const proxyfuse::ParameterError &) {
      return true;
    }
  };
  expect(refuses(0, 1, ""), "vocabulary 0 is refused");
  expect(refuses(static_cast<std::size_t>(-1), 1, ""), "vocabulary -1 is refused");
  expect(refuses(5, 0, "") && refuses(5, -1, "") && refuses(5, 1025, ""), "threads are counted");
  expect(refuses(5, 1, "sse9"), "an unknown instruction set is refused");
  static_assert(std::is_base_of_v<std::invalid_argument, proxyfuse::NothingAllowedError>);
}

} // namespace

int main() {
  refuse_logits();
  refuse_numbers();
  refuse_views();
  refuse_samplers();
  return failures;
}
