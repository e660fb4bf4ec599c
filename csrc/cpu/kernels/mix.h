// Sums of values, each times a weight.
#pragma once

#include "keys.h"

namespace proxyfuse::cpu::PROXYFUSE_ISA {

// mixed[h] = mixed[h] * keep[h] + sum of weights[h][j] * value j, in registers: `vecs` of them for
// each of `heads`, the last one of `lanes` lanes.
template <int heads, int vecs, class T>
void mix_tile(const Block<T> &block, int64_t offset, Span keys, const float *weights,
              const float *keep, float *mixed, int64_t width, int lanes) {
  const auto lanes_of = [&](int v) { return v + 1 < vecs ? kLanes : lanes; };
  Vec acc[heads][vecs];
#pragma GCC unroll 8
  for (int h = 0; h < heads; ++h)
#pragma GCC unroll 8
    for (int v = 0; v < vecs; ++v)
      acc[h][v] = load_some(mixed + h * width + v * kLanes, lanes_of(v)) * set1(keep[h]);
  for (int64_t j = keys.begin; j < keys.end; ++j) {
    Vec value[vecs];
#pragma GCC unroll 8
    for (int v = 0; v < vecs; ++v)
      value[v] = vecs > 1 ? load(block.at[j] + offset + v * kLanes)
                          : load_some(block.at[j] + offset, lanes);
#pragma GCC unroll 8
    for (int h = 0; h < heads; ++h)
#pragma GCC unroll 8
      for (int v = 0; v < vecs; ++v)
        acc[h][v] = fma(set1(weights[h * kBlockKeys + j]), value[v], acc[h][v]);
  }
#pragma GCC unroll 8
  for (int h = 0; h < heads; ++h)
#pragma GCC unroll 8
    for (int v = 0; v < vecs; ++v)
      store_some(mixed + h * width + v * kLanes, acc[h][v], lanes_of(v));
}

template <int heads, class T>
void mix_heads(const Block<T> &block, int64_t value_offset, Span keys, const float *weights,
               const float *keep, float *mixed, int64_t width) {
  constexpr int vecs = heads == 1 ? 8 : 4;
  int64_t c = 0;
  for (; c + vecs * kLanes <= width; c += vecs * kLanes)
    mix_tile<heads, vecs>(block, value_offset + c, keys, weights, keep, mixed + c, width, kLanes);
  for (; c < width; c += kLanes)
    mix_tile<heads, 1>(block, value_offset + c, keys, weights, keep, mixed + c, width,
                       static_cast<int>(at_most(kLanes, width - c)));
}

// The heads of one row share the loads of their values.
template <class T>
void mix(const Block<T> &block, int64_t value_offset, Span keys, int64_t heads,
         const float *weights, const float *keep, float *mixed, int64_t width) {
  constexpr int together = kLanes == 16 ? 4 : 2;
  int64_t h = 0;
  for (; h + together <= heads; h += together)
    mix_heads<together>(block, value_offset, keys, weights + h * kBlockKeys, keep + h,
                        mixed + h * width, width);
  for (; h < heads; ++h)
    mix_heads<1>(block, value_offset, keys, weights + h * kBlockKeys, keep + h, mixed + h * width,
                 width);
}

} // namespace proxyfuse::cpu::PROXYFUSE_ISA
