// The log, exp and noise of proxyfuse_kernels/proxy_sample/{portable,noise}.py, bit for bit.
// Every product is rounded before it is added to: compile with --fmad=false.
#pragma once

#include "args.h"

#include <cuda_runtime.h>

namespace proxyfuse::cuda {

inline constexpr float kLn2 = 0x1.62e430p-1f;
inline constexpr float kExpLowest = -87.f;

// n and f with x = 2^n (1 + f), sqrt(1/2) <= 1 + f < sqrt(2).
__device__ inline void split(float x, int &n, float &f) {
  const int bits = __float_as_int(x);
  const int power = (bits - 0x3f3504f3) & -0x800000;
  f = __int_as_float(bits - power) - 1.f;
  n = power >> 23;
}

// -log(2^n (1 + f))
__device__ inline float minus_log(int n, float f) {
  float r = 0x1.65c766p-4f;
  r = r * f + -0x1.25049ap-3f;
  r = r * f + 0x1.318526p-3f;
  r = r * f + -0x1.535d30p-3f;
  r = r * f + 0x1.98d2c0p-3f;
  r = r * f + -0x1.00049ap-2f;
  r = r * f + 0x1.5556f4p-2f;
  r = r * f + -0x1.fffffap-2f;
  const float tail = f * f * r;
  return static_cast<float>(n) * -kLn2 - (f + tail);
}

// log x for a normal x > 0, or NaN of NaN.
__device__ inline float log_of(float x) {
  int n;
  float f;
  split(x, n, f);
  return x == x ? -minus_log(n, f) : x;
}

// e^x for x <= 0; 0 below kExpLowest.
__device__ inline float exp_of(float x) {
  constexpr float rounder = 0x1.8p23f;
  const float safe = x > kExpLowest ? x : kExpLowest;
  const float n = safe * 0x1.715476p+0f + rounder - rounder;
  const float r = safe - n * 0x1.62e400p-1f - n * 0x1.7f7d1cp-20f;
  float q = 0x1.6a23cep-10f;
  q = q * r + 0x1.123a20p-7f;
  q = q * r + 0x1.5558f2p-5f;
  q = q * r + 0x1.555492p-3f;
  q = q * r + 0x1.fffffcp-2f;
  const float value = 1.f + (r + r * r * q);
  return x < kExpLowest ? 0.f : value * __int_as_float((static_cast<int>(n) + 127) << 23);
}

// floor(2^40 w): whole numbers add up to the same sum in any order.
__device__ inline long long mass_of(float weight) {
  return static_cast<long long>(weight * 0x1p40f);
}

// What a row's noise depends on.
struct Stream {
  unsigned key[2], position, stream;
};

// The random words of ids [first, first + 4), first a multiple of 4: Philox4x32-10.
__device__ inline void random_words(const Stream &stream, int first, unsigned (&words)[4]) {
  unsigned c0 = static_cast<unsigned>(first) >> 2, c1 = stream.position, c2 = stream.stream, c3 = 0;
  unsigned k0 = stream.key[0], k1 = stream.key[1];
#pragma unroll
  for (int round = 0; round < 10; ++round, k0 += 0x9e3779b9u, k1 += 0xbb67ae85u) {
    const unsigned long long a = c0 * 0xd2511f53ull, b = c2 * 0xcd9e8d57ull;
    c0 = static_cast<unsigned>(b >> 32) ^ c1 ^ k0;
    c2 = static_cast<unsigned>(a >> 32) ^ c3 ^ k1;
    c1 = static_cast<unsigned>(b);
    c3 = static_cast<unsigned>(a);
  }
  words[0] = c0, words[1] = c1, words[2] = c2, words[3] = c3;
}

// A standard Gumbel from 32 random bits.
__device__ inline float gumbel(unsigned bits) {
  float v = (static_cast<float>(bits) + 0.5f) * 0x1p-32f;
  v = v < 0x1.fffffep-1f ? v : 0x1.fffffep-1f;
  int n;
  float f;
  split(1.f - v, n, f);
  split(minus_log(n, n == 0 ? -v : f), n, f);
  return minus_log(n, f);
}

// A bound that the Gumbel of these bits does not exceed, from the chip's quick logarithm:
// -log(-log1p(-v)) <= -log v, and close to it where v is small, that is where draws are decided.
// The margin is above every rounding on the way.
__device__ inline float gumbel_at_most(unsigned bits) {
  return (32.f - __log2f(static_cast<float>(bits) + 0.5f)) * kLn2 + 0x1p-10f;
}

} // namespace proxyfuse::cuda
