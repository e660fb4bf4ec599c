// What holds however the sampler is used: a bad row is flagged and harms no other, nothing is read
// past a row, nothing is allocated once warm, calls that overlap are told apart. Prints what fails;
// the exit status is how much.
#include "expect.h"

#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include <atomic>
#include <cmath>
#include <cstdlib>
#include <new>
#include <stdexcept>
#include <thread>
#include <utility>

namespace {

std::atomic<long> allocations{0};

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

// A child has a copy of the sampler, and none of the threads of its team.
void fork_a_child() {
  constexpr std::size_t kWide = 32000, kRows = 4; // for which the team is called
  std::vector<float> values(kRows * kWide);
  for (std::size_t i = 0; i < values.size(); ++i)
    values[i] = static_cast<float>(i % 997) / 100;
  const std::vector<proxyfuse::SampleRow> rows(kRows);
  const proxyfuse::RoleLogits base{{values.data(), kRows, kWide}, {}, {}};
  proxyfuse::Sampler sampler(kWide, 3);
  const std::int32_t wanted = sampler.sample(base, rows)[kRows - 1].token;
  const pid_t child = fork();
  if (child == 0) {
    alarm(20);
    const bool same = sampler.sample(base, rows)[kRows - 1].token == wanted;
    {
      const proxyfuse::Sampler ended(std::move(sampler));
    }
    _exit(same ? 0 : 1);
  }
  int status = -1;
  expect(waitpid(child, &status, 0) == child && status == 0, "a forked child goes on");
  expect(sampler.sample(base, rows)[kRows - 1].token == wanted, "and so does its parent");
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
  flag_rows();
  read_no_further();
  allocate_nothing_once_warm();
  overlap();
  fork_a_child();
  move();
  return failures;
}
