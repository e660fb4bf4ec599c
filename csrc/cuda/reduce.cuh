// Threads of a warp and of a block put their findings together; all of them learn the outcome.
#pragma once

#include "portable.cuh"

#include <cstring>

namespace proxyfuse::cuda {

inline constexpr unsigned kAll = 0xffffffffu; // lanes

// The lane's twin's x, word by word.
template <class T>
__device__ inline T from_twin(T x, int distance) {
  static_assert(sizeof(T) % 4 == 0);
  unsigned words[sizeof(T) / 4];
  memcpy(words, &x, sizeof(T));
#pragma unroll
  for (unsigned &word : words)
    word = __shfl_xor_sync(kAll, word, distance);
  memcpy(&x, words, sizeof(T));
  return x;
}

// op is associative and commutes to the bit; every lane gets the same. `lanes`: a power of two;
// each run of so many reduces on its own.
template <class T, class Op>
__device__ inline T warp_reduce(T x, Op op, int lanes = 32) {
  for (int distance = lanes / 2; distance > 0; distance /= 2)
    x = op(x, from_twin(x, distance));
  return x;
}

// An integer that orders as float32 does, and back.
__device__ inline int key_of(float x) {
  const int bits = __float_as_int(x);
  return bits ^ ((bits >> 31) & INT_MAX);
}
__device__ inline float of_key(int key) { return __int_as_float(key ^ ((key >> 31) & INT_MAX)); }

__device__ inline float warp_max(float x) { return of_key(__reduce_max_sync(kAll, key_of(x))); }

struct Better {
  __device__ Best operator()(const Best &a, const Best &b) const {
    return a.score > b.score || (a.score == b.score && a.id < b.id) ? a : b;
  }
};

// As warp_reduce(x, Better()).
__device__ inline Best warp_best(const Best &x) {
  const float score = warp_max(x.score);
  const int id = __reduce_min_sync(kAll, x.score == score ? x.id : INT_MAX);
  const unsigned winners = __ballot_sync(kAll, x.score == score && x.id == id);
  return {score, id, __shfl_sync(kAll, x.value, __ffs(static_cast<int>(winners)) - 1)};
}

__device__ inline LogSum joined(const LogSum &a, const LogSum &b) {
  const float largest = a.largest > b.largest ? a.largest : b.largest;
  return {largest, a.sum * exp_of(a.largest - largest) + b.sum * exp_of(b.largest - largest)};
}

struct Joined {
  __device__ Record operator()(const Record &a, const Record &b) const {
    Record both;
#pragma unroll
    for (int i = 0; i < 4; ++i)
      both.sums[i] = joined(a.sums[i], b.sums[i]);
    both.best = Better()(a.best, b.best);
    both.most = a.most > b.most ? a.most : b.most;
    both.broken = a.broken | b.broken;
    return both;
  }
};

// Two sums at a time, exact in any order.
struct Masses {
  long long total = 0, before = 0;
};

struct Sum {
  __device__ int operator()(int a, int b) const { return a + b; }
  __device__ Masses operator()(const Masses &a, const Masses &b) const {
    return {a.total + b.total, a.before + b.before};
  }
};

} // namespace proxyfuse::cuda
