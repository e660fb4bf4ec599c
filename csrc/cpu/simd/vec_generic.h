// Any machine with 16-byte vectors or less, through the compiler's vector extension.
#pragma once

#include <cmath>
#include <cstring>

namespace proxyfuse::cpu::PROXYFUSE_ISA {

typedef float floats __attribute__((vector_size(16)));
typedef int32_t ints __attribute__((vector_size(16)));
typedef uint32_t words __attribute__((vector_size(16)));

struct Vec {
  floats v;
};
inline constexpr int kLanes = 4;

inline Vec set1(float x) { return {floats{x, x, x, x}}; }
inline Vec zero() { return set1(0.f); }
inline Vec operator+(Vec a, Vec b) { return {a.v + b.v}; }
inline Vec operator-(Vec a, Vec b) { return {a.v - b.v}; }
inline Vec operator*(Vec a, Vec b) { return {a.v * b.v}; }
inline Vec operator/(Vec a, Vec b) { return {a.v / b.v}; }
inline Vec max(Vec a, Vec b) { return {a.v > b.v ? a.v : b.v}; }
inline Vec min(Vec a, Vec b) { return {a.v < b.v ? a.v : b.v}; }
inline Vec fma(Vec a, Vec b, Vec c) { return {a.v * b.v + c.v}; }
inline Vec round(Vec a) {
  const floats magic = set1(0x1.8p23f).v; // whole numbers are all that float32 holds up there
  return {(a.v + magic) - magic};
}
// a * 2^n for whole n in [-252, 252]: by halves, so that neither factor leaves the exponent range
inline Vec scale2(Vec a, Vec n) {
  const ints whole = __builtin_convertvector(n.v, ints), half = whole >> 1;
  return {a.v * (floats)((half + 127) << 23) * (floats)((whole - half + 127) << 23)};
}

inline float widen(float x) { return x; }
inline float widen(bf16 x) {
  const uint32_t bits = static_cast<uint32_t>(x.bits) << 16;
  float out;
  std::memcpy(&out, &bits, 4);
  return out;
}
inline float widen(f16 x) {
  const uint32_t magnitude = x.bits & 0x7fffu, sign = static_cast<uint32_t>(x.bits & 0x8000u) << 16;
  // Shifted into place the exponent is 112 too small: a multiplication mends it, subnormals too.
  uint32_t bits = magnitude << 13;
  float out;
  std::memcpy(&out, &bits, 4);
  out *= 0x1p112f;
  if (magnitude >= 0x7c00u) {
    bits |= 0x7f800000u;
    std::memcpy(&out, &bits, 4);
  }
  std::memcpy(&bits, &out, 4);
  bits |= sign;
  std::memcpy(&out, &bits, 4);
  return out;
}
inline float widen(e4m3 x) { // seven bits further up: float16 but for a factor of 256
  const unsigned magnitude = x.bits & 0x7fu, sign = x.bits & 0x80u;
  return widen(f16{static_cast<uint16_t>(sign << 8 | magnitude << 7)}) * 256.f;
}

inline float narrow(float, float x) { return x; }
inline bf16 narrow(bf16, float x) {
  uint32_t bits;
  std::memcpy(&bits, &x, 4);
  if (x != x)
    return {0x7fc0};
  return {static_cast<uint16_t>((bits + 0x7fffu + ((bits >> 16) & 1u)) >> 16)};
}
inline f16 narrow(f16, float x) {
  uint32_t bits;
  std::memcpy(&bits, &x, 4);
  const uint32_t sign = (bits >> 16) & 0x8000u, magnitude = bits & 0x7fffffffu;
  if (magnitude > 0x7f800000u)
    return {static_cast<uint16_t>(sign | 0x7e00u)};
  if (magnitude >= 0x477ff000u) // 65520 and above round to infinity
    return {static_cast<uint16_t>(sign | 0x7c00u)};
  if (magnitude < 0x38800000u) { // subnormal: in this binade the sum's last bit is 2^-24
    float out = std::fabs(x) + 0.5f;
    std::memcpy(&bits, &out, 4);
    return {static_cast<uint16_t>(sign | (bits - 0x3f000000u))};
  }
  const uint32_t rounded = magnitude + 0xfffu + ((magnitude >> 13) & 1u);
  return {static_cast<uint16_t>(sign | ((rounded - 0x38000000u) >> 13))};
}

template <class T>
inline Vec load_some(const T *p, int n) {
  Vec out = zero();
  for (int i = 0; i < n; ++i)
    out.v[i] = widen(p[i]);
  return out;
}
template <class T>
inline Vec load(const T *p) {
  return load_some(p, kLanes);
}
template <class T>
inline void store_some(T *p, Vec a, int n) {
  for (int i = 0; i < n; ++i)
    p[i] = narrow(T{}, a.v[i]);
}
template <class T>
inline void store(T *p, Vec a) {
  store_some(p, a, kLanes);
}

template <int n>
inline Vec load_front(const float *p) {
  return load_some(p, n);
}

inline float largest(Vec a) {
  const float x = a.v[0] > a.v[1] ? a.v[0] : a.v[1], y = a.v[2] > a.v[3] ? a.v[2] : a.v[3];
  return x > y ? x : y;
}
// Lane i is the sum of v[i].
template <int count>
[[gnu::always_inline]] inline Vec totals(const Vec *v) {
  Vec out = zero();
  for (int i = 0; i < count; ++i)
    out.v[i] = (v[i].v[0] + v[i].v[2]) + (v[i].v[1] + v[i].v[3]);
  return out;
}

} // namespace proxyfuse::cpu::PROXYFUSE_ISA
