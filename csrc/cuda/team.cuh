// The blocks that hold a row between them: a cluster, or the one block that arrived last.
#pragma once

#include "reduce.cuh"
#include "shared.h"

#include <cooperative_groups.h>

namespace proxyfuse::cuda {

__device__ inline Shared &shared_memory() {
  extern __shared__ __align__(16) unsigned char memory[];
  return *reinterpret_cast<Shared *>(memory);
}

template <bool clustered>
struct Team {
  Shared &shared;
  int rank, size;        // of this block in the team; size is a power of two
  int begin, end;        // the ids that this block holds
  float *scaled, *fused; // their values, from begin on; whole quads, -inf past the vocabulary
  unsigned turn = 0;

  __device__ int lane() const { return static_cast<int>(threadIdx.x) % 32; }

  // What op makes of every thread's x, in every thread of the team.
  template <class T, class Op>
  __device__ T reduce(T x, Op op) {
    x = block_reduce(x, op);
    if constexpr (clustered)
      x = cluster_reduce(x, op);
    turn ^= 1;
    return x;
  }

  template <class T, class Op>
  __device__ T block_reduce(T x, Op op) {
    static_assert(sizeof(T) <= kSlot);
    x = warp_reduce(x, op);
    if (lane() == 0)
      memcpy(shared.of_warp[turn][threadIdx.x / 32], &x, sizeof(T));
    __syncthreads();
    memcpy(&x, shared.of_warp[turn][lane() % kWarps], sizeof(T));
    return warp_reduce(x, op, kWarps);
  }

  // Through each other's shared memory.
  template <class T, class Op>
  __device__ T cluster_reduce(T x, Op op) {
#if !defined(__CUDA_ARCH__) || __CUDA_ARCH__ >= 900
    const auto cluster = cooperative_groups::this_cluster();
    if (threadIdx.x == 0)
      memcpy(shared.of_block[turn], &x, sizeof(T));
    cluster.sync();
    const auto *theirs = cluster.map_shared_rank(&shared.of_block[turn][0], lane() % size);
    memcpy(&x, theirs, sizeof(T));
#endif
    return warp_reduce(x, op, size);
  }

  // Nobody leaves while others may still read its memory.
  __device__ void part() const {
#if !defined(__CUDA_ARCH__) || __CUDA_ARCH__ >= 900
    if constexpr (clustered)
      cooperative_groups::this_cluster().sync();
#endif
  }
};

} // namespace proxyfuse::cuda
