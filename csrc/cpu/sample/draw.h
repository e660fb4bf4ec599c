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

// Takes the block's largest value, at its lowest id, where that beats what is there.
inline void challenge(Best &best, const float (&x)[kBlock], int32_t first) {
  f32x16 most = read(x);
  for (int i = kWide; i < kBlock; i += kWide)
    most = max16(most, read(x + i));
  const float value = largest16(most);
  if (!(value > best.value))
    return;
  int i = 0;
  while (x[i] != value)
    ++i;
  best = {value, first + i};
}

// How many of its high bits must be 0 in a random word for a block that lags this far behind the
// best to win: gumbel > gap needs v < exp(-gap) <= 2^-floor(gap / ln 2). The margin is for
// rounding.
inline int zeros_needed(float gap) {
  return gap > 0 ? static_cast<int>((gap - 0x1p-10f) * 1.4426f) : 0;
}

inline bool all_lose(const u64x8 (&words)[4][kGroups], int zeros) {
  if (zeros <= 0)
    return false;
  const uint32_t high = zeros >= 32 ? ~0u : ~(~0u >> zeros);
  for (int g = 0; g < kGroups; ++g) {
    i64x8 low = {};
    for (int w = 0; w < 4; ++w)
      low |= (words[w][g] & high) == 0;
    if (any(reinterpret<u64x8>(low)))
      return false;
  }
  return true;
}

inline float largest_in_block(const float *x) {
  f32x16 most = read(x);
  for (int i = kWide; i < kBlock; i += kWide)
    most = max16(most, read(x + i));
  return largest16(most);
}

// scaled: whole blocks of ids from `first` on.
inline void draw(const Stream &stream, const SampleKept &kept, const float *scaled, int64_t n,
                 int32_t first, Best &best) {
  for (int64_t i = 0; i < n; i += kBlock) {
    const float most = largest_in_block(scaled + i);
    const float gap = best.value - most;
    if (most == -kInfinity || most < kept.value || gap > kLargestGumbel)
      continue;
    const int32_t id = first + static_cast<int32_t>(i);
    u64x8 words[4][kGroups];
    random_words(stream, id, words);
    if (all_lose(words, zeros_needed(gap)))
      continue;
    uint32_t bits[kBlock];
    float sums[kBlock];
    in_order(words, bits);
    for (int j = 0; j < kBlock; j += kWide) {
      const f32x16 x = only_kept(kept, read(scaled + i + j), id + j);
      u32x16 b;
      std::memcpy(&b, bits + j, sizeof b);
      write(sums + j, x + gumbel(b));
    }
    challenge(best, sums, id);
  }
}

// The same with no noise.
inline void argmax(const float *scaled, int64_t n, int32_t first, Best &best) {
  for (int64_t i = 0; i < n; i += kBlock) {
    float block[kBlock];
    std::memcpy(block, scaled + i, sizeof block);
    challenge(best, block, first + static_cast<int32_t>(i));
  }
}

} // namespace proxyfuse::cpu::PROXYFUSE_ISA
