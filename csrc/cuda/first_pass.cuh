// The one pass over a block's share of the three rows.
#pragma once

#include "draw.cuh"
#include "shape.cuh"

namespace proxyfuse::cuda {

// Takes x into the sum of exp; 0 * x is 0 for finite x only.
__device__ inline void add_exp(LogSum &sum, const float (&x)[kEach], int tile, int end) {
  float largest = sum.largest;
#pragma unroll
  for (int i = 0; i < kEach; ++i)
    if (quad_of(tile, i / 4) + i % 4 < end && x[i] > largest)
      largest = x[i];
  if (largest > sum.largest) {
    sum.sum *= exp_of(sum.largest - largest);
    sum.largest = largest;
  }
#pragma unroll
  for (int i = 0; i < kEach; ++i)
    if (quad_of(tile, i / 4) + i % 4 < end)
      sum.sum += exp_of(x[i] - sum.largest) + x[i] * 0.f;
}

__device__ inline void keep(float *held, const float (&x)[kEach], int tile, int begin, int end) {
#pragma unroll
  for (int q = 0; q < kQuads; ++q) {
    const int id = quad_of(tile, q);
    if (id < end)
      *reinterpret_cast<Quad<float> *>(held + (id - begin)) = {
          {x[4 * q], x[4 * q + 1], x[4 * q + 2], x[4 * q + 3]}};
  }
}

// The tile's fused values, and what they add to the row's sums.
template <Storage storage>
__device__ inline void fuse_tile(const Row &row, int tile, int end, LogSum (&sums)[4],
                                 float (&x)[kEach]) {
  const Logits *logits = row.args.logits;
  const bool roles = row.args.draws.role_logprobs != nullptr;
  read_tile<storage>(logits[0], row.s, tile, end, -INFINITY, x);
  if (roles)
    add_exp(sums[1], x, tile, end);
  if (row.alpha != 0 || (roles && row.proxied())) {
    float expert[kEach], antiexpert[kEach];
    read_tile<storage>(logits[1], row.s, tile, end, 0, expert);
    read_tile<storage>(logits[2], row.s, tile, end, 0, antiexpert);
    if (roles) {
      add_exp(sums[2], expert, tile, end);
      add_exp(sums[3], antiexpert, tile, end);
    }
#pragma unroll
    for (int i = 0; i < kEach; ++i)
      x[i] = fuse(x[i], expert[i], antiexpert[i], row.alpha);
  }
  add_exp(sums[0], x, tile, end);
}

// What this thread finds; `best` may be its warp's.
template <Storage storage, bool clustered>
__device__ Record first_pass(const Row &row, Team<clustered> &team) {
  Record found;
  const Penalties penalties(row);
  const Stream stream = row.stream();
  const bool given = row.given(), filtered = row.filtered();
  for (int tile = team.begin; tile < team.end; tile += kTile) {
    float x[kEach];
    fuse_tile<storage>(row, tile, team.end, found.sums, x);
    if (row.args.whole)
      keep(team.fused, x, tile, team.begin, team.end);
    if (given)
      continue;
    add_bias(row, tile, x);
    if (penalties.matter())
      penalise(row, penalties, tile, team.shared.seen, x);
    forbid(row, tile, x);
    found.broken |= temper(row, x);
#pragma unroll
    for (int i = 0; i < kEach; ++i)
      found.most = x[i] > found.most ? x[i] : found.most;
    if (filtered)
      keep(team.scaled, x, tile, team.begin, team.end);
    if (row.greedy())
      argmax(found.best, x, tile);
    else
      draw(found.best, stream, x, tile);
  }
  return found;
}

} // namespace proxyfuse::cuda
