// Everything a caller can get wrong, and what must hold however the sampler is used: each mistake
// is its own exception and leaves the sampler usable, nothing is read past a row, nothing is
// allocated once warm. Prints what fails; the exit status is how much.
#include <proxyfuse/sampler.h>

#include <sys/mman.h>

#include <atomic>
#include <cmath>
#include <cstdio>
#include <cstdlib>
#include <functional>
#include <limits>
#include <new>
#include <string>
#include <thread>
#include <vector>

namespace {

std::atomic<long> allocations{0};
int failures = 0;

void expect(bool holds, const std::string &what) {
  if (!holds) {
    std::printf("failed: %s\n", what.c_str());
    ++failures;
  }
}

constexpr float kNan = std::numeric_limits<float>::quiet_NaN();
constexpr float kInfinity = std::numeric_limits<float>::infinity();
constexpr std::size_t kVocabulary = 70;

// A batch with nothing wrong: two rows of three roles.
struct Batch {
  std::vector<float> values = std::vector<float>(4 * kVocabulary, 0.5f);
  std::vector<std::int32_t> tokens{3, -1, 69, 70, 3};
  std::vector<proxyfuse::Bias> biases{{2, 1.f}, {2, -kInfinity}, {-5, 1.f}, {900, 1.f}};
  std::vector<std::uint32_t> mask{~0u, ~0u, ~0u};
  proxyfuse::RoleLogits logits;
  std::vector<proxyfuse::SampleRow> rows = std::vector<proxyfuse::SampleRow>(2);

  Batch() {
    logits.base = logits.expert = logits.antiexpert = {values.data(), 2, kVocabulary};
    rows[0].prompt = rows[0].generated = tokens;
    rows[0].repetition_penalty = 1.5f;
    rows[0].logit_bias = biases;
    rows[1].allowed = mask;
  }
};

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

// What is not the caller's mistake is said of the row, and harms no other.
void flag_rows() {
  proxyfuse::Sampler sampler(kVocabulary, 2);
  const auto first_is_bad = [&](Batch &batch) {
    proxyfuse::SampleReport report;
    report.top = 1000;
    report.rank = report.roles = true;
    const auto draws = sampler.sample(batch.logits, batch.rows, report);
    return !draws[0].finite && draws[0].token == 0 && std::isnan(draws[0].logprob) &&
           draws[0].rank == 0 && draws[1].finite && draws[1].rank >= 1 &&
           draws[1].top.size() == kVocabulary;
  };
  for (const float value : {kNan, kInfinity, -kInfinity}) {
    Batch batch;
    batch.values[69] = value;
    expect(first_is_bad(batch), "a row that is not finite is flagged");
  }
  Batch batch;
  batch.biases.clear();
  for (std::int32_t id = 0; id < 70; ++id)
    batch.biases.push_back({id, -kInfinity});
  batch.rows[0].logit_bias = batch.biases;
  expect(first_is_bad(batch), "a row whose biases forbid everything is flagged");
  expect(sampler.sample({}, {}).empty(), "no rows give no draws");
}

// Rows that end where memory ends: a read of one element more would be the end of this program.
void read_no_further() {
  constexpr std::size_t kPage = 4096, kRoom = 64 * kPage;
  char *memory = static_cast<char *>(
      mmap(nullptr, kRoom + kPage, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0));
  expect(mprotect(memory + kRoom, kPage, PROT_NONE) == 0, "memory can be fenced");
  for (const std::string &set : proxyfuse::Sampler::instruction_sets())
    for (const std::size_t vocabulary : {1, 5, 15, 16, 17, 111, 4097, 32001})
      for (const auto &[type, bytes] : {std::pair{proxyfuse::LogitType::float32, 4},
                                        std::pair{proxyfuse::LogitType::bfloat16, 2},
                                        std::pair{proxyfuse::LogitType::float16, 2}}) {
        const char *row = memory + kRoom - vocabulary * static_cast<std::size_t>(bytes);
        const proxyfuse::Logits logits{row, 1, 0, type};
        std::vector<proxyfuse::SampleRow> rows(1);
        rows[0].top_p = 0.9f;
        proxyfuse::SampleReport report;
        report.top = 3;
        report.rank = report.roles = true;
        proxyfuse::Sampler sampler(vocabulary, 2, set);
        expect(sampler.sample({logits, logits, logits}, rows, report)[0].finite, "zeros are drawn");
      }
  munmap(memory, kRoom + kPage);
}

void allocate_nothing_once_warm() {
  constexpr std::size_t kWide = 20000;
  proxyfuse::Sampler sampler(kWide, 2);
  const std::vector<float> values(3 * kWide, 1.f);
  const std::vector<std::int32_t> tokens(500, 7);
  const std::vector<proxyfuse::Bias> biases(9, {4, 0.5f});
  const std::vector<std::uint32_t> mask(kWide / 32, ~0u);
  std::vector<proxyfuse::SampleRow> rows(3);
  for (auto &row : rows) {
    row.top_k = 50, row.top_p = 0.9f, row.min_p = 0.01f, row.presence_penalty = 1;
    row.prompt = row.generated = tokens;
    row.logit_bias = biases;
    row.allowed = mask;
  }
  rows[1].given = 5;
  const proxyfuse::Logits logits{values.data(), 3, kWide};
  proxyfuse::SampleReport report;
  report.top = 20;
  report.rank = report.roles = true;
  sampler.sample({logits, logits, logits}, rows, report);
  const long before = allocations;
  for (std::int32_t position = 1; position < 20; ++position) {
    rows[0].position = position;
    sampler.sample({logits, logits, logits}, rows, report);
    sampler.sample({{values.data(), 1}, {}, {}}, {rows.data(), 1});
  }
  const bool none = allocations == before;
  expect(none, "a warm sampler allocates nothing");
}

// Calls that overlap are refused or not, as it happens, but never harm each other.
void overlap() {
  proxyfuse::Sampler sampler(kVocabulary);
  const Batch batch;
  std::atomic<int> drawn{0}, refusals{0}, others{0};
  const auto hammer = [&] {
    for (int i = 0; i < 2000; ++i)
      try {
        drawn += sampler.sample(batch.logits, batch.rows).size() == 2;
      } catch (const std::logic_error &) {
        ++refusals;
      } catch (...) {
        ++others;
      }
  };
  std::thread other(hammer);
  hammer();
  other.join();
  expect(drawn > 0 && drawn + refusals == 4000 && others == 0, "overlapping calls are told apart");
}

void move() {
  proxyfuse::Sampler first(kVocabulary), second(5);
  second = std::move(first);
  Batch batch;
  expect(second.vocabulary() == kVocabulary && second.sample(batch.logits, batch.rows)[0].finite,
         "a sampler can be moved");
}

} // namespace

void *operator new(std::size_t size) {
  ++allocations;
  if (void *memory = std::malloc(size))
    return memory;
  throw std::bad_alloc();
}
void operator delete(void *memory) noexcept { std::free(memory); }
void operator delete(void *memory, std::size_t) noexcept { std::free(memory); }

int main() {
  refuse_logits();
  refuse_numbers();
  refuse_views();
  refuse_samplers();
  flag_rows();
  read_no_further();
  allocate_nothing_once_warm();
  overlap();
  move();
  return failures;
}
