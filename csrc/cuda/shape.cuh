// From fused to scaled: bias, penalties, mask, temperature, on a thread's ids of a tile.
#pragma once

#include "row.cuh"
#include "team.cuh"

namespace proxyfuse::cuda {

inline constexpr unsigned kInPrompt = 1u << 31;

// One after the other in their order, which float sums depend on. Few rows have more than a few.
__device__ inline void add_bias(const Row &row, int tile, float (&x)[kEach]) {
  const DeviceRows &columns = row.args.columns;
  if (columns.bias_start == nullptr)
    return;
  const int stop = columns.bias_start[row.s + 1];
  for (int b = columns.bias_start[row.s]; b < stop; ++b) {
    const int id = columns.bias_ids[b];
    if (id < tile || id - tile >= kTile)
      continue;
#pragma unroll
    for (int i = 0; i < kEach; ++i)
      if (quad_of(tile, i / 4) + i % 4 == id)
        x[i] = x[i] + columns.bias_values[b];
  }
}

struct Penalties {
  float repetition, presence, frequency;
  int start = 0, split = 0, end = 0; // of the row's history

  __device__ explicit Penalties(const Row &row)
      : repetition(value_or(row.args.columns.repetition_penalty, row.s, 1.f)),
        presence(value_or(row.args.columns.presence_penalty, row.s, 0.f)),
        frequency(value_or(row.args.columns.frequency_penalty, row.s, 0.f)) {
    if (row.args.columns.history_start == nullptr)
      return;
    start = row.args.columns.history_start[row.s];
    split = row.args.columns.history_split[row.s];
    end = row.args.columns.history_end[row.s];
  }

  __device__ bool matter() const {
    return end > start && (repetition != 1 || presence != 0 || frequency != 0);
  }
};

// What the history says of each id of the tile: called by the whole block. Each thread clears what
// it alone has read, so that one barrier parts the tile before from this one.
__device__ inline void count_history(const Row &row, const Penalties &penalties, int tile,
                                     unsigned *seen) {
#pragma unroll
  for (int i = 0; i < kEach; ++i)
    seen[quad_of(0, i / 4) + i % 4] = 0;
  __syncthreads();
  for (int h = penalties.start + static_cast<int>(threadIdx.x); h < penalties.end; h += kThreads) {
    const int id = row.args.columns.history[h];
    if (id < tile || id - tile >= kTile)
      continue;
    if (h < penalties.split)
      atomicOr(&seen[id - tile], kInPrompt);
    else
      atomicAdd(&seen[id - tile], 1u);
  }
  __syncthreads();
}

__device__ inline float penalised(float x, const Penalties &penalties, unsigned seen) {
  const unsigned count = seen & ~kInPrompt;
  if (seen != 0)
    x = x > 0 ? x / penalties.repetition : x * penalties.repetition;
  x = x - penalties.frequency * static_cast<float>(count);
  return count > 0 ? x - penalties.presence : x;
}

__device__ inline void penalise(const Row &row, const Penalties &penalties, int tile,
                                unsigned *seen, float (&x)[kEach]) {
  count_history(row, penalties, tile, seen);
#pragma unroll
  for (int i = 0; i < kEach; ++i)
    x[i] = penalised(x[i], penalties, seen[quad_of(0, i / 4) + i % 4]);
}

// -inf where the row's mask, if there is one, has no bit, and from the vocabulary's end on.
__device__ inline void forbid(const Row &row, int tile, float (&x)[kEach]) {
  const DeviceRows &columns = row.args.columns;
  const unsigned *words = columns.allowed;
  if (words != nullptr)
    words += columns.allowed_row[row.s] * static_cast<std::int64_t>(columns.allowed_stride);
#pragma unroll
  for (int q = 0; q < kQuads; ++q) {
    const int id = quad_of(tile, q);
    unsigned bits = ~0u;
    if (words != nullptr && id < row.args.vocab)
      bits = words[id >> 5] >> (id & 31);
#pragma unroll
    for (int i = 0; i < 4; ++i)
      if ((bits >> i & 1) == 0 || id + i >= row.args.vocab)
        x[4 * q + i] = -INFINITY;
  }
}

// x / temperature where that is above 0, kept from overflowing upwards; tells of a NaN.
__device__ inline bool temper(const Row &row, float (&x)[kEach]) {
  const float divisor = row.greedy() ? 1.f : row.temperature;
  bool broken = false;
#pragma unroll
  for (int i = 0; i < kEach; ++i) {
    const float scaled = divisor == 1 ? x[i] : x[i] / divisor;
    broken |= scaled != scaled;
    x[i] = scaled > -kLowest ? -kLowest : scaled;
  }
  return broken;
}

} // namespace proxyfuse::cuda
