// argmax(scaled + gumbel) over a stretch, with the noise made only where it can still decide.
#pragma once

#include "stretch.h"

namespace proxyfuse::cpu::PROXYFUSE_ISA {

struct Best {
  float value = -kInfinity;
  int32_t id = -1;
  float next = -kInfinity; // the largest of all other ids, where that is asked for

  // Takes in the best of other ids.
  void meet(const Best &other) {
    if (other.value > value)
      *this = {other.value, other.id, value > other.next ? value : other.next};
    else
      next = other.value > next ? other.value : next;
  }
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

// What a value must exceed to change anything: the next best counts where it is asked for.
template <bool next>
inline float bar(const Best &best) {
  return next ? best.next : best.value;
}

// Takes the largest of x at its lowest id, where that beats what is there.
template <bool next, int count>
inline void challenge(Best &best, const float *x, int32_t first) {
  const float value = largest_of_some<count>(x);
  if (!(value > bar<next>(best)))
    return;
  int i = 0;
  while (x[i] != value)
    ++i;
  Best found{value, first + i};
  if constexpr (next) {
    float others[count];
    std::memcpy(others, x, sizeof others);
    others[i] = -kInfinity;
    found.next = largest_of_some<count>(others);
  }
  best.meet(found);
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

template <bool next>
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
  challenge<next, kGroup>(best, sums, first);
}

// scaled: whole blocks of ids from `first` on.
template <bool next>
inline void draw(const Stream &stream, const SampleKept &kept, const float *scaled, int64_t n,
                 int32_t first, Best &best) {
  for (int64_t i = 0; i < n; i += kBlock) {
    const float most = largest_of_some<kBlock>(scaled + i);
    if (most == -kInfinity || most < kept.value || bar<next>(best) - most > kLargestGumbel)
      continue;
    const int32_t id = first + static_cast<int32_t>(i);
    u64x8 words[4][kGroups];
    random_words(stream, id, words);
    for (int g = 0; g < kGroups; ++g) {
      const float *group = scaled + i + g * kGroup;
      const float gap = bar<next>(best) - largest_of_some<kGroup>(group);
      if (!all_lose(words, g, zeros_needed(gap)))
        draw_group<next>(kept, words, g, group, id + g * kGroup, best);
    }
  }
}

// The same with no noise.
template <bool next>
inline void argmax(const float *scaled, int64_t n, int32_t first, Best &best) {
  for (int64_t i = 0; i < n; i += kBlock)
    challenge<next, kBlock>(best, scaled + i, first + static_cast<int32_t>(i));
}

} // namespace proxyfuse::cpu::PROXYFUSE_ISA
