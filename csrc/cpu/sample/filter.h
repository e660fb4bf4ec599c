// top-k and top-p on a whole row: a border value is found, nothing but its neighbourhood is sorted.
#pragma once

#include "draw.h"

#include "../sample_order.h"

namespace proxyfuse::cpu::PROXYFUSE_ISA {

// Calls body(i) for each i in [0, n) with x[i] > border(), which may rise in between.
template <class Border, class Body>
inline void above(const float *x, int64_t n, Border &&border, Body &&body) {
  for (int64_t i = 0; i < padded(n); i += kBlock) {
    if (!(largest_of_some<kBlock>(x + i) > border()))
      continue;
    for (int64_t j = i; j < (i + kBlock < n ? i + kBlock : n); ++j)
      if (x[j] > border())
        body(j);
  }
}

// The k-th largest value, -inf where fewer than k are above that. k >= 1.
inline float kth_largest(const float *x, int64_t n, int64_t k, float *best) {
  const int64_t often = 2 * k > 1024 ? 2 * k : 1024, room = often < n ? often : n;
  int64_t count = 0;
  float border = -kInfinity; // once there are k values, the k-th of them
  above(
      x, n, [&] { return border; },
      [&](int64_t i) {
        best[count++] = x[i];
        if (count == room && room > k) {
          border = cut_to_largest(best, count, k);
          count = k;
        }
      });
  return count < k ? -kInfinity : cut_to_largest(best, count, k);
}

// A row's mass by depth below its largest value, for values that are at least `floor`.
struct Depths {
  static constexpr int kBins = 1024;
  float largest, floor, deepest; // what is deeper goes into `rest` unsorted
  int64_t bins[kBins] = {};
  int64_t rest = 0, total = 0;

  // Rises with depth, so that bins are in order whatever the rounding.
  i32x16 bin(f32x16 x) const {
    const f32x16 place = (largest - x) * (kBins / deepest);
    return __builtin_convertvector(place < kBins ? place : all(kBins), i32x16);
  }
};

inline void measure(const float *x, int64_t n, Depths &depths) {
  i64x16 rest = {};
  for (int64_t i = 0; i < padded(n); i += kWide) {
    const f32x16 value = read(x + i);
    const f32x16 weight = exp16(value - depths.largest);
    const i64x16 masses = mass(value >= depths.floor ? weight : f32x16{});
    if (depths.largest - largest16(value) > depths.deepest) {
      rest += masses;
      continue;
    }
    const i32x16 bin = depths.bin(value);
    for (int j = 0; j < kWide; ++j)
      *(bin[j] < Depths::kBins ? &depths.bins[bin[j]] : &depths.rest) += masses[j];
  }
  for (int j = 0; j < kWide; ++j)
    depths.rest += rest[j];
  depths.total = depths.rest;
  for (const int64_t mass : depths.bins)
    depths.total += mass;
}

inline int64_t mass_of(float x, float largest) { return mass(exp16(all(x - largest)))[0]; }

// Within one bin, the last id in order of (value descending, id ascending) that has less than
// `reach` before it, `before` of that outside the bin.
inline SampleKept border_in_bin(const float *x, int64_t n, const Depths &depths, int bin,
                                int64_t before, int64_t reach, int32_t *ids) {
  int64_t count = 0;
  for (int64_t i = 0; i < padded(n); i += kWide) {
    const f32x16 value = read(x + i);
    const i32x16 inside = (depths.bin(value) == bin) & (value >= depths.floor);
    if (any(reinterpret<u64x8>(inside)))
      for (int j = 0; j < kWide; ++j)
        if (inside[j])
          ids[count++] = static_cast<int32_t>(i + j);
  }
  order_ids(x, ids, count, count);
  int32_t last = ids[0];
  for (int64_t i = 0; i < count && before < reach; ++i) {
    last = ids[i];
    before += mass_of(x[last], depths.largest);
  }
  return {x[last], last};
}

// The ids of value `floor` and above whose predecessors weigh less than top_p of the whole.
inline SampleKept nucleus(const float *x, int64_t n, float largest, float floor, float top_p,
                          int32_t *ids) {
  // Few ids of a language model's row lie within 8 of the largest, and they nearly always decide.
  for (const float deepest : {8.f, 28.f}) {
    Depths depths{largest, floor, deepest};
    measure(x, n, depths);
    const auto reach = static_cast<int64_t>(std::ceil(static_cast<double>(top_p) * depths.total));
    int64_t before = 0;
    for (int bin = 0; bin < Depths::kBins; ++bin) {
      if (before + depths.bins[bin] >= reach && depths.bins[bin] > 0)
        return border_in_bin(x, n, depths, bin, before, reach, ids);
      before += depths.bins[bin];
    }
  }
  return {floor};
}

// What the row's filters keep, given its whole scaled row.
inline SampleKept filter(const Row &row, const float *scaled, SampleScratch &scratch) {
  const auto &r = row.args.requests;
  const int64_t n = row.args.vocab;
  f32x16 most = all(-kInfinity);
  for (int64_t i = 0; i < padded(n); i += kWide)
    most = max16(most, read(scaled + i));
  SampleKept kept;
  kept.largest = largest16(most);
  if (kept.largest == -kInfinity)
    return kept;
  if (r.top_k[row.s] > 0 && r.top_k[row.s] < n)
    kept.value = kth_largest(scaled, n, r.top_k[row.s], scratch.values.get());
  if (r.top_p[row.s] < 1) {
    const SampleKept some =
        nucleus(scaled, n, kept.largest, kept.value, r.top_p[row.s], scratch.ids.get());
    kept.value = some.value;
    kept.last_id = some.last_id;
  }
  kept.min_weight = r.min_p[row.s];
  return kept;
}

} // namespace proxyfuse::cpu::PROXYFUSE_ISA
