#pragma once

#include <immintrin.h>

namespace proxyfuse::cpu::PROXYFUSE_ISA {

struct Vec {
  __m256 v;
};
inline constexpr int kLanes = 8;

inline __m256i first(int n) {
  return _mm256_cmpgt_epi32(_mm256_set1_epi32(n), _mm256_setr_epi32(0, 1, 2, 3, 4, 5, 6, 7));
}

inline Vec zero() { return {_mm256_setzero_ps()}; }
inline Vec set1(float x) { return {_mm256_set1_ps(x)}; }
inline Vec operator+(Vec a, Vec b) { return {_mm256_add_ps(a.v, b.v)}; }
inline Vec operator-(Vec a, Vec b) { return {_mm256_sub_ps(a.v, b.v)}; }
inline Vec operator*(Vec a, Vec b) { return {_mm256_mul_ps(a.v, b.v)}; }
inline Vec operator/(Vec a, Vec b) { return {_mm256_div_ps(a.v, b.v)}; }
inline Vec max(Vec a, Vec b) { return {_mm256_max_ps(a.v, b.v)}; }
inline Vec min(Vec a, Vec b) { return {_mm256_min_ps(a.v, b.v)}; }
inline Vec fma(Vec a, Vec b, Vec c) { return {_mm256_fmadd_ps(a.v, b.v, c.v)}; }
inline Vec round(Vec a) { return {_mm256_round_ps(a.v, _MM_FROUND_TO_NEAREST_INT)}; }
// a * 2^n for whole n in [-252, 252]: by halves, so that neither factor leaves the exponent range
inline Vec scale2(Vec a, Vec n) {
  const __m256i whole = _mm256_cvtps_epi32(n.v), half = _mm256_srai_epi32(whole, 1);
  const auto power = [](__m256i e) {
    return _mm256_castsi256_ps(_mm256_slli_epi32(_mm256_add_epi32(e, _mm256_set1_epi32(127)), 23));
  };
  return {_mm256_mul_ps(_mm256_mul_ps(a.v, power(half)), power(_mm256_sub_epi32(whole, half)))};
}

inline __m256 widen(bf16, __m128i x) {
  return _mm256_castsi256_ps(_mm256_slli_epi32(_mm256_cvtepu16_epi32(x), 16));
}
inline __m256 widen(f16, __m128i x) { return _mm256_cvtph_ps(x); }
// Seven bits further up it is float16 but for a factor of 256, subnormals included.
inline __m256 widen(e4m3, __m128i x) {
  const __m128i up = _mm_slli_epi16(_mm_cvtepi8_epi16(x), 7);
  const __m128i half = _mm_and_si128(up, _mm_set1_epi16(static_cast<short>(0xbfff)));
  return _mm256_mul_ps(_mm256_cvtph_ps(half), _mm256_set1_ps(256.f));
}

inline __m128i narrow(f16, __m256 x) { return _mm256_cvtps_ph(x, _MM_FROUND_TO_NEAREST_INT); }
inline __m128i narrow(bf16, __m256 x) {
  const __m256i bits = _mm256_castps_si256(x);
  const __m256i odd = _mm256_and_si256(_mm256_srli_epi32(bits, 16), _mm256_set1_epi32(1));
  const __m256i up = _mm256_add_epi32(bits, _mm256_add_epi32(odd, _mm256_set1_epi32(0x7fff)));
  const __m256i nan = _mm256_castps_si256(_mm256_cmp_ps(x, x, _CMP_UNORD_Q));
  const __m256i quiet = _mm256_blendv_epi8(up, _mm256_set1_epi32(0x7fc00000), nan);
  const __m256i high = _mm256_srli_epi32(quiet, 16);
  return _mm_packus_epi32(_mm256_castsi256_si128(high), _mm256_extracti128_si256(high, 1));
}

inline Vec load(const float *p) { return {_mm256_loadu_ps(p)}; }
inline Vec load_some(const float *p, int n) { return {_mm256_maskload_ps(p, first(n))}; }
inline void store(float *p, Vec a) { _mm256_storeu_ps(p, a.v); }
inline void store_some(float *p, Vec a, int n) { _mm256_maskstore_ps(p, first(n), a.v); }

template <class T>
inline Vec load(const T *p) {
  return {widen(T{}, _mm_loadu_si128((const __m128i *)p))};
}
inline Vec load(const e4m3 *p) { return {widen(e4m3{}, _mm_loadl_epi64((const __m128i *)p))}; }
template <class T>
inline Vec load_some(const T *p, int n) {
  T lanes[kLanes] = {};
  for (int i = 0; i < n; ++i)
    lanes[i] = p[i];
  return load(lanes);
}
template <class T>
inline void store(T *p, Vec a) {
  _mm_storeu_si128((__m128i *)p, narrow(T{}, a.v));
}
template <class T>
inline void store_some(T *p, Vec a, int n) {
  T lanes[kLanes];
  store(lanes, a);
  for (int i = 0; i < n; ++i)
    p[i] = lanes[i];
}

// load_some for a count known early: a plain load, which a store just before it can feed.
template <int n>
inline Vec load_front(const float *p) {
  if constexpr (n == 4)
    return {_mm256_zextps128_ps256(_mm_loadu_ps(p))};
  else
    return load_some(p, n);
}

inline float largest(Vec a) {
  __m128 x = _mm_max_ps(_mm256_castps256_ps128(a.v), _mm256_extractf128_ps(a.v, 1));
  x = _mm_max_ps(x, _mm_movehl_ps(x, x));
  return _mm_cvtss_f32(_mm_max_ss(x, _mm_movehdup_ps(x)));
}
// Lane i is the sum of v[i]: lanes half a register apart are added, then a quarter, and so on. Two
// registers become one each time, so that the halves of both fill it.
template <int count>
[[gnu::always_inline]] inline Vec totals(const Vec *v) {
  const auto at = [v](int n) { return n < count ? v[n] : zero(); };
  const auto halves = [](Vec a, Vec b) {
    return Vec{_mm256_permute2f128_ps(a.v, b.v, 0x20)} +
           Vec{_mm256_permute2f128_ps(a.v, b.v, 0x31)};
  };
  const auto pairs = [](Vec a, Vec b) {
    return Vec{_mm256_shuffle_ps(a.v, b.v, 0x44)} + Vec{_mm256_shuffle_ps(a.v, b.v, 0xee)};
  };
  const auto ones = [](Vec a, Vec b) {
    return Vec{_mm256_shuffle_ps(a.v, b.v, 0x88)} + Vec{_mm256_shuffle_ps(a.v, b.v, 0xdd)};
  };
  return ones(pairs(halves(at(0), at(4)), halves(at(1), at(5))),
              pairs(halves(at(2), at(6)), halves(at(3), at(7))));
}

} // namespace proxyfuse::cpu::PROXYFUSE_ISA
