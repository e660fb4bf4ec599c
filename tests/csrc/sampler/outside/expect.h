// What the programs that check the sampler have in common.
#pragma once

#include <proxyfuse/sampler.h>

#include <cstdio>
#include <limits>
#include <string>
#include <vector>

// How often something did not hold: a program's exit status.
inline int failures = 0;

inline void expect(bool holds, const std::string &what) {
  if (!holds) {
    std::printf("failed: %s\n", what.c_str());
    ++failures;
  }
}

inline constexpr float kNan = std::numeric_limits<float>::quiet_NaN();
inline constexpr float kInfinity = std::numeric_limits<float>::infinity();
inline constexpr std::size_t kVocabulary = 70;

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
