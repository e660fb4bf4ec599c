// Blocks of a row without clusters: each leaves a record, and the last to arrive has them all.
#pragma once

#include "team.cuh"

namespace proxyfuse::cuda {

// Leaves the block's record; tells whether all others of the row had left theirs before. Whatever
// the block's threads stored came before the barrier of the reduction that made the record.
__device__ inline bool arrives_last(const Args &args, std::int64_t s, int rank, const Record &found,
                                    Shared &shared) {
  if (threadIdx.x == 0) {
    args.scratch.records[s * args.shares + rank] = found;
    __threadfence();
    const unsigned before = atomicAdd(&args.scratch.arrived[s], 1u);
    shared.last = before + 1 == static_cast<unsigned>(args.shares);
    if (shared.last)
      args.scratch.arrived[s] = 0; // for the next launch
    __threadfence();
  }
  __syncthreads();
  return shared.last;
}

// In one order, whoever came last.
__device__ inline Record gathered(const Args &args, std::int64_t s) {
  const int lane = static_cast<int>(threadIdx.x) % 32;
  Record found;
  if (lane < args.shares)
    found = args.scratch.records[s * args.shares + lane];
  return warp_reduce(found, Joined());
}

} // namespace proxyfuse::cuda
