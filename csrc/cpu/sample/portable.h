// The log, exp and noise of proxyfuse_kernels/proxy_sample/{portable,noise}.py, bit for bit.
#pragma once

#include "lanes.h"

namespace proxyfuse::cpu::PROXYFUSE_ISA {

inline constexpr float kLn2 = 0x1.62e430p-1f;
inline constexpr float kLargestGumbel = 22.875f;
inline constexpr float kExpLowest = -87.f;
inline constexpr float kMass = 0x1p40f;

template <int count>
inline f32x16 horner(f32x16 x, const float (&coefficients)[count]) {
  f32x16 value = all(coefficients[0]);
  for (int i = 1; i < count; ++i)
    value = value * x + coefficients[i];
  return value;
}

// n and f with x = 2^n (1 + f), sqrt(1/2) <= 1 + f < sqrt(2).
inline void split(f32x16 x, i32x16 &n, f32x16 &f) {
  const i32x16 bits = reinterpret<i32x16>(x);
  const i32x16 power = (bits - 0x3f3504f3) & -0x800000;
  f = reinterpret<f32x16>(bits - power) - 1.f;
  n = power >> 23;
}

// -log(2^n (1 + f))
inline f32x16 minus_log(i32x16 n, f32x16 f) {
  constexpr float r[] = {0x1.65c766p-4f, -0x1.25049ap-3f, 0x1.318526p-3f, -0x1.535d30p-3f,
                         0x1.98d2c0p-3f, -0x1.00049ap-2f, 0x1.5556f4p-2f, -0x1.fffffap-2f};
  const f32x16 tail = f * f * horner(f, r);
  return __builtin_convertvector(n, f32x16) * -kLn2 - (f + tail);
}

// e^x for x <= 0; 0 below kExpLowest.
inline f32x16 exp16(f32x16 x) {
  constexpr float q[] = {0x1.6a23cep-10f, 0x1.123a20p-7f, 0x1.5558f2p-5f, 0x1.555492p-3f,
                         0x1.fffffcp-2f};
  constexpr float rounder = 0x1.8p23f;
  const f32x16 safe = x > kExpLowest ? x : all(kExpLowest);
  const f32x16 n = safe * 0x1.715476p+0f + rounder - rounder;
  const f32x16 r = safe - n * 0x1.62e400p-1f - n * 0x1.7f7d1cp-20f;
  const f32x16 value = 1.f + (r + r * r * horner(r, q));
  const i32x16 scale = (__builtin_convertvector(n, i32x16) + 127) << 23;
  return x < kExpLowest ? f32x16{} : value * reinterpret<f32x16>(scale);
}

// floor(2^40 e^x), exactly.
inline i64x16 mass(f32x16 weight) { return __builtin_convertvector(weight * kMass, i64x16); }

// What a row's noise depends on.
struct Stream {
  uint64_t seed;
  uint32_t stream, position;
};

inline constexpr int kBlock = 128; // ids whose noise is made together
inline constexpr int kGroup = 32;  // of these, four to a counter, one register of counters
inline constexpr int kGroups = kBlock / kGroup;

// The random words of ids [first, first + kBlock), first a multiple of 4: word w of ids
// first + 32 g + 4 i + w is the low half of lane i of words[w][g]; the high halves hold anything.
inline void random_words(const Stream &stream, uint32_t first, u64x8 (&c)[4][kGroups]) {
  const u64x8 lane = {0, 1, 2, 3, 4, 5, 6, 7};
  for (int g = 0; g < kGroups; ++g) {
    c[0][g] = lane + (first / 4 + 8 * g);
    c[1][g] = u64x8{} + stream.position;
    c[2][g] = u64x8{} + stream.stream;
    c[3][g] = u64x8{};
  }
  uint32_t k0 = static_cast<uint32_t>(stream.seed), k1 = static_cast<uint32_t>(stream.seed >> 32);
  for (int round = 0; round < 10; ++round, k0 += 0x9e3779b9u, k1 += 0xbb67ae85u)
    for (int g = 0; g < kGroups; ++g) {
      const u64x8 a = multiply_low(c[0][g], 0xd2511f53u), b = multiply_low(c[2][g], 0xcd9e8d57u);
      c[0][g] = (b >> 32) ^ c[1][g] ^ k0;
      c[2][g] = (a >> 32) ^ c[3][g] ^ k1;
      c[1][g] = b;
      c[3][g] = a;
    }
}

// The words of group g in the order of its ids.
inline void in_order(const u64x8 (&c)[4][kGroups], int g, uint32_t (&bits)[kGroup]) {
  for (int i = 0; i < 8; ++i)
    for (int w = 0; w < 4; ++w)
      bits[4 * i + w] = static_cast<uint32_t>(c[w][g][i]);
}

inline f32x16 gumbel(u32x16 bits) {
  f32x16 v = (__builtin_convertvector(bits, f32x16) + 0.5f) * 0x1p-32f;
  v = v < 0x1.fffffep-1f ? v : all(0x1.fffffep-1f);
  i32x16 n;
  f32x16 f;
  split(1.f - v, n, f);
  split(minus_log(n, n == 0 ? -v : f), n, f);
  return minus_log(n, f);
}

} // namespace proxyfuse::cpu::PROXYFUSE_ISA
