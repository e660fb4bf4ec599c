// top-k, top-p, min-p without sorting: draw from everything, ask whether the draw is kept, redraw.
//
// What is kept is a head of the row's order (value descending, id ascending) less what min_p drops.
// A draw outside the head rules out itself and all after it, so the next one comes from fewer ids:
// about 1 + ln(1 / share of the head) rounds. The best score among the kept is the draw.
#pragma once

#include "draw.cuh"

namespace proxyfuse::cuda {

inline constexpr float kWeightless = 28; // so far below the largest a mass is 0

// Calls body(value, id) for each of this thread's quarter of the ids that the team's block holds.
template <bool clustered, class Body>
__device__ inline void each(const Team<clustered> &team, const float *held, Body body) {
  const int held_ids = team.end - team.begin;
  for (int i = 4 * static_cast<int>(threadIdx.x); i < held_ids; i += 4 * kThreads) {
    const Quad<float> quad = *reinterpret_cast<const Quad<float> *>(held + i);
#pragma unroll
    for (int j = 0; j < 4; ++j)
      body(quad.x[j], team.begin + i + j);
  }
}

template <bool clustered>
__device__ int count_above(Team<clustered> &team, const float *held, float value, bool or_equal) {
  int found = 0;
  each(team, held, [&](float x, int) { found += x > value || (or_equal && x == value); });
  return team.reduce(found, Sum());
}

// A value such that what is not below it is the row's k largest and ties with the k-th: by halving.
template <bool clustered>
__device__ float border(Team<clustered> &team, float largest, int k) {
  long long low = key_of(-INFINITY), high = key_of(largest) + 1ll; // as integers in order
  while (high - low > 1) {
    const long long middle = low + (high - low) / 2;
    const int count = count_above(team, team.scaled, of_key(static_cast<int>(middle)), true);
    if (count < k)
      high = middle;
    else
      low = middle;
    if (count == k)
      break;
  }
  return of_key(static_cast<int>(low));
}

// What a redraw may take: at least floor, before (last, last_id) in order, weighing enough.
struct Open {
  float floor = -INFINITY, last = -INFINITY, largest, min_p = 0;
  int last_id = 0;

  __device__ bool operator()(float x, int id) const {
    return x >= floor && (x > last || (x == last && id < last_id)) &&
           !(exp_of(x - largest) < min_p);
  }
};

// The mass of all not below the floor, and of those of them that come before (value, id).
template <bool clustered>
__device__ Masses masses(Team<clustered> &team, const Open &open, float value, int id) {
  Masses sums;
  each(team, team.scaled, [&](float x, int other) {
    if (!(x >= open.floor) || open.largest - x > kWeightless)
      return;
    const long long mass = mass_of(exp_of(x - open.largest));
    sums.total += mass;
    sums.before += x > value || (x == value && other < id) ? mass : 0;
  });
  return team.reduce(sums, Sum());
}

// Whether ids that weigh `before` come before less than top_p of the total.
__device__ inline bool in_nucleus(const Masses &masses, float top_p) {
  const double reach = ceil(static_cast<double>(top_p) * static_cast<double>(masses.total));
  return static_cast<double>(masses.before) < (reach < 1 ? 1 : reach);
}

template <bool clustered>
__device__ Best redraw(Team<clustered> &team, const Stream &stream, const Open &open) {
  Best best;
  for (int tile = team.begin; tile < team.end; tile += kTile) {
    float x[kEach];
#pragma unroll
    for (int q = 0; q < kQuads; ++q) {
      const int id = quad_of(tile, q);
      Quad<float> quad{{-INFINITY, -INFINITY, -INFINITY, -INFINITY}};
      if (id < team.end)
        quad = *reinterpret_cast<const Quad<float> *>(team.scaled + (id - team.begin));
#pragma unroll
      for (int i = 0; i < 4; ++i)
        x[4 * q + i] = open(quad.x[i], id + i) ? quad.x[i] : -INFINITY;
    }
    bool any = false;
#pragma unroll
    for (int i = 0; i < kEach; ++i)
      any |= x[i] > -INFINITY;
    if (__any_sync(kAll, any))
      draw(best, stream, x, tile);
  }
  return team.reduce(best, Better());
}

// The kept id with the best score, where `best` has the best score of all.
template <bool clustered>
__device__ Best draw_kept(Team<clustered> &team, const Row &row, Best best, float largest) {
  const int k = row.top_k();
  const float top_p = row.top_p(), min_p = row.min_p();
  Open open;
  open.largest = largest;
  if (k > 0 && top_p < 1)
    open.floor = border(team, largest, k);
  while (best.score > -INFINITY) {
    bool in_head = best.value >= open.floor;
    int last_id = 0; // of the ids with this very value, those below it may still be kept
    if (in_head && k > 0 && !(top_p < 1))
      in_head = count_above(team, team.scaled, best.value, false) < k;
    if (in_head && top_p < 1) {
      in_head = in_nucleus(masses(team, open, best.value, best.id), top_p);
      last_id = best.id;
    }
    if (in_head && !(exp_of(best.value - largest) < min_p))
      break;
    if (!in_head) {
      open.last = best.value;
      open.last_id = last_id;
    }
    open.min_p = min_p;
    best = redraw(team, row.stream(), open);
  }
  return best;
}

} // namespace proxyfuse::cuda
