// argmax(scaled + gumbel) over tiles, with the exact noise made only where it can decide.
#pragma once

#include "row.cuh"
#include "team.cuh"

namespace proxyfuse::cuda {

// A thread's id that may win yet, by an upper bound of its score.
struct Hope {
  float bound = -INFINITY, value = -INFINITY;
  unsigned word = 0;
  int i = 0;
};

__device__ inline Hope best_hope(const float (&bounds)[kEach], const float (&x)[kEach],
                                 const unsigned (&words)[kEach]) {
  Hope best;
#pragma unroll
  for (int i = 0; i < kEach; ++i)
    if (bounds[i] > best.bound)
      best = {bounds[i], x[i], words[i], i};
  return best;
}

// Takes the tile's best score into `best`, which is the same in all lanes of the warp: first the
// exact score of the id with each thread's highest bound, then of those whose bound reaches the
// best of these. Nearly always there is none.
__device__ inline void draw(Best &best, const Stream &stream, const float (&x)[kEach], int tile) {
  unsigned words[kEach];
  float bounds[kEach];
#pragma unroll
  for (int q = 0; q < kQuads; ++q) {
    unsigned four[4];
    random_words(stream, quad_of(tile, q), four);
#pragma unroll
    for (int i = 0; i < 4; ++i) {
      words[4 * q + i] = four[i];
      bounds[4 * q + i] = x[4 * q + i] + gumbel_at_most(four[i]);
    }
  }
  for (;;) {
    const Hope hope = best_hope(bounds, x, words);
    const float highest = warp_max(hope.bound);
    if (highest == -INFINITY || highest < best.score)
      return;
    Best mine = best;
    if (hope.bound > -INFINITY && hope.bound >= best.score)
      mine = Better()(best, {hope.value + gumbel(hope.word), quad_of(tile, hope.i / 4) + hope.i % 4,
                             hope.value});
    best = warp_best(mine);
#pragma unroll
    for (int i = 0; i < kEach; ++i)
      bounds[i] = i == hope.i ? -INFINITY : bounds[i];
  }
}

// The same with no noise, each thread for itself.
__device__ inline void argmax(Best &best, const float (&x)[kEach], int tile) {
#pragma unroll
  for (int i = 0; i < kEach; ++i)
    best = Better()(best, {x[i], quad_of(tile, i / 4) + i % 4, x[i]});
}

} // namespace proxyfuse::cuda
