// Sixteen float32 lanes on every instruction set, so that lane-wise sums have the same bits on all
// of them. Everything here is an IEEE operation of its own: compile with -ffp-contract=off.
#pragma once

#include "../simd/vec.h"

#include <cmath>
#include <cstdint>
#include <cstring>
#include <limits>

namespace proxyfuse::cpu::PROXYFUSE_ISA {

typedef float f32x16 __attribute__((vector_size(64)));
typedef int32_t i32x16 __attribute__((vector_size(64)));
typedef uint32_t u32x16 __attribute__((vector_size(64)));
typedef int64_t i64x8 __attribute__((vector_size(64)));
typedef uint64_t u64x8 __attribute__((vector_size(64)));
typedef int64_t i64x16 __attribute__((vector_size(128)));

inline constexpr int kWide = 16;
inline constexpr float kInfinity = std::numeric_limits<float>::infinity();
inline constexpr float kLargest = std::numeric_limits<float>::max();

inline f32x16 all(float x) { return x - f32x16{}; }
inline i32x16 iota() { return i32x16{0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15}; }

template <class To, class From>
inline To reinterpret(const From &from) {
  static_assert(sizeof(To) == sizeof(From));
  To to;
  std::memcpy(&to, &from, sizeof(To));
  return to;
}

inline f32x16 read(const float *p) {
  f32x16 x;
  std::memcpy(&x, p, sizeof x);
  return x;
}
inline void write(float *p, f32x16 x) { std::memcpy(p, &x, sizeof x); }

template <class T>
inline f32x16 read(const T *p) {
  Vec parts[kWide / kLanes];
  for (int i = 0; i < kWide / kLanes; ++i)
    parts[i] = load(p + i * kLanes);
  return reinterpret<f32x16>(parts);
}

// The first n lanes; zeros follow.
template <class T>
inline f32x16 read_some(const T *p, int n) {
  T lanes[kWide] = {};
  std::memcpy(lanes, p, sizeof(T) * n);
  return read(lanes);
}

inline f32x16 max16(f32x16 a, f32x16 b) { return a > b ? a : b; }

inline float largest16(f32x16 x) {
  Vec parts[kWide / kLanes];
  std::memcpy(parts, &x, sizeof parts);
  Vec most = parts[0];
  for (int i = 1; i < kWide / kLanes; ++i)
    most = max(most, parts[i]);
  return largest(most);
}

inline bool any(u64x8 x) {
#if defined(__AVX512F__)
  const __m512i v = reinterpret<__m512i>(x);
  return _mm512_test_epi64_mask(v, v) != 0;
#else
  uint64_t seen = 0;
  for (int i = 0; i < 8; ++i)
    seen |= x[i];
  return seen != 0;
#endif
}

// The 64-bit product of each lane's low word and the constant.
inline u64x8 multiply_low(u64x8 x, uint32_t constant) {
#if defined(__AVX512F__)
  return reinterpret<u64x8>(_mm512_mul_epu32(reinterpret<__m512i>(x), _mm512_set1_epi64(constant)));
#elif defined(__SSE2__)
  typedef long long pair __attribute__((vector_size(16)));
  struct {
    pair part[4];
  } halves = reinterpret<decltype(halves)>(x);
  const pair factor = {constant, constant};
  for (pair &part : halves.part)
    part = (pair)__builtin_ia32_pmuludq128((int __attribute__((vector_size(16))))part,
                                           (int __attribute__((vector_size(16))))factor);
  return reinterpret<u64x8>(halves);
#else
  return (x & 0xffffffffu) * constant;
#endif
}

} // namespace proxyfuse::cpu::PROXYFUSE_ISA
