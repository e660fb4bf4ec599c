// argmax(scaled + gumbel) over a stretch, with the noise made only where it can still decide.
#pragma once

#include "stretch.h"

namespace proxyfuse::cpu::PROXYFUSE_ISA {

struct Best {
  float value = -kInfinity;
  int32_t id = -1;
};

inline f32x16 only_kept(const SampleKept &kept, f32x16 x, int32_t first) {
  const i32x16 early = iota() + first <= kept.last_id;
  x = (x > kept.value) | ((x == kept.value) & early) ? x : all(-kInfinity);
  if (kept.min_weight > 0)
    x = exp16(x - kept.largest) >= kept.min_weight ? x : all(-kInfinity);
  return x;
}

template <int count>
inline float largest_of_some(const float *x) {
  f32x16 most = read(x);
  for (int i = kWide; i < count; i += kWide)
    most = max16(most, read(x + i));
  return largest16(most);
}

// Takes the largest of x at its lowest id, where that beats what is there.
template <int count>
inline void challenge(Best &best, const float *x, int32_t first) {
  const float value = largest_of_some<count>(x);
  if (!(value > best.value))
    return;
  int i = 0;
  while (x[i] != value)
    ++i;
  best = {value, first + i};
}

// How many of its high bits must be 0 in a random word for a value that lags this far behind the
// best to win: gumbel > gap needs v < exp(-gap) <= 2^-floor(gap / ln 2). The margin is for
// rounding.
inline int zeros_needed(float gap) {
  return gap > 32.f ? 32 : gap > 0 ? static_cast<int>((gap - 0x1p-10f) * 1.4426f) : 0;
}

inline bool all_lose(const u64x8 (&words)[4][kGroups], int g, int zeros) {
  if (zeros <= 0)
    return false;
  const uint32_t high = zeros >= 32 ? ~0u : ~(~0u >> zeros);
  i64x8 low = {};
  for (int w = 0; w < 4; ++w)
    low |= (words[w][g] & high) == 0;
  return !any(reinterpret<u64x8>(low));
}

inline void draw_group(const SampleKept &kept, const u64x8 (&words)[4][kGroups], int g,
                       const float *scaled, int32_t first, Best &best) {
  uint32_t bits[kGroup];
  float sums[kGroup];
  in_order(words, g, bits);
  for (int j = 0; j < kGroup; j += kWide) {
    u32x16 b;
    std::memcpy(&b, bits + j, sizeof b);
    write(sums + j, only_kept(kept, read(scaled + j), first + j) + gumbel(b));
  }
  challenge<kGroup>(best, sums, first);
}

// scaled: whole blocks of ids from `first` on.
inline void draw(const Stream &stream, const SampleKept &kept, const float *scaled, int64_t n,
                 int32_t first, Best &best) {
  for (int64_t i = 0; i < n; i += kBlock) {
    const float most = largest_of_some<kBlock>(scaled + i);
    if (most == -kInfinity || most < kept.value || best.value - most > kLargestGumbel)
      continue;
    const int32_t id = first + static_cast<int32_t>(i);
    u64x8 words[4][kGroups];
    random_words(stream, id, words);
    for (int g = 0; g < kGroups; ++g) {
      const float *group = scaled + i + g * kGroup;
      const float gap = best.value - largest_of_some<kGroup>(group);
      if (!all_lose(words, g, zeros_needed(gap)))
        draw_group(kept, words, g, group, id + g * kGroup, best);
    }
  }
}

// The same with no noise.
inline void argmax(const float *scaled, int64_t n, int32_t first, Best &best) {
  for (int64_t i = 0; i < n; i += kBlock)
    challenge<kBlock>(best, scaled + i, first + static_cast<int32_t>(i));
}

} // namespace proxyfuse::cpu::PROXYFUSE_ISA
