// Every way through the kernels, under ThreadSanitizer, which knows each emulated thread for one:
// `race [FILE:LINE]`, without the barrier there.
// Prints a sum over what was drawn: the same whatever order the threads ran in.
#include <proxyfuse/sampler_cuda.h>

#include "emulation/machine.h"

#include <cstdio>
#include <random>
#include <vector>

namespace {

constexpr std::size_t kRows = 2, kVocabulary = 1100, kTop = 2;

std::mt19937 dice(7);

std::vector<float> noise(std::size_t count) {
  std::normal_distribution<float> normal(0, 3);
  std::vector<float> values(count);
  for (float &value : values)
    value = normal(dice);
  return values;
}

struct Batch {
  std::vector<float> base = noise(kRows * kVocabulary), expert = noise(kRows * kVocabulary),
                     antiexpert = noise(kRows * kVocabulary);
  std::vector<float> top_p{0.3f, 1.f}, min_p{0.f, 0.02f}, frequency{0.25f, 0.f};
  std::vector<std::int32_t> top_k{40, 9}, history, start{0, 0}, split{20, 30}, end{60, 60};
  std::vector<std::int32_t> bias_ids{5, 600, 5}, bias_start{0, 1, 3};
  std::vector<float> bias_values{1.f, 2.f, -3.f};

  Batch() {
    for (int i = 0; i < 60; ++i)
      history.push_back(static_cast<std::int32_t>(dice() % kVocabulary));
  }

  proxyfuse::DeviceRows columns() const {
    proxyfuse::DeviceRows rows;
    rows.top_k = top_k.data(), rows.top_p = top_p.data(), rows.min_p = min_p.data();
    rows.frequency_penalty = frequency.data();
    rows.history = history.data(), rows.history_start = start.data();
    rows.history_split = split.data(), rows.history_end = end.data();
    rows.bias_ids = bias_ids.data(), rows.bias_start = bias_start.data();
    rows.bias_values = bias_values.data();
    return rows;
  }
};

// The same sums, whatever is emulated.
long draw(const Batch &batch, int major) {
  emulation::chip().major = major;
  std::vector<std::int32_t> tokens(kRows), ranks(kRows), ids(kRows * kTop);
  std::vector<float> logprobs(kRows), sums(kRows), roles(3 * kRows), likeliest(kRows * kTop);
  bool finite[kRows];
  proxyfuse::DeviceDraws draws{tokens.data(), finite,           logprobs.data(),
                               sums.data(),   ranks.data(),     roles.data(),
                               ids.data(),    likeliest.data(), kTop};
  proxyfuse::SampleReport widest{kTop, true, true};
  proxyfuse::CudaSampler sampler(kVocabulary, kRows, widest);
  const auto logits = [](const std::vector<float> &values) {
    return proxyfuse::Logits{values.data(), kRows, kVocabulary};
  };
  long sum = 0;
  for (int launch = 0; launch < 2; ++launch) {
    sampler.launch({logits(batch.base), logits(batch.expert), logits(batch.antiexpert)},
                   batch.columns(), draws, nullptr);
    for (std::size_t s = 0; s < kRows; ++s)
      sum = 31 * sum + tokens[s] + 7 * ranks[s] + 3 * ids[s * kTop] + finite[s];
  }
  return sum;
}

} // namespace

int main(int count, char **words) {
  if (count > 1)
    emulation::chip().without = words[1];
  const Batch batch;
  const long clustered = draw(batch, 9), arriving = draw(batch, 8);
  std::printf("%ld\n", clustered);
  return clustered == arriving ? 0 : 1;
}
