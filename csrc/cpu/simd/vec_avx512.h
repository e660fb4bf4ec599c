#pragma once

#include <immintrin.h>

namespace proxyfuse::cpu::PROXYFUSE_ISA {

struct Vec {
  __m512 v;
};
inline constexpr int kLanes = 16;

inline __mmask16 first(int n) { return static_cast<__mmask16>((1u << n) - 1u); }

inline Vec zero() { return {_mm512_setzero_ps()}; }
inline Vec set1(float x) { return {_mm512_set1_ps(x)}; }
inline Vec operator+(Vec a, Vec b) { return {_mm512_add_ps(a.v, b.v)}; }
inline Vec operator-(Vec a, Vec b) { return {_mm512_sub_ps(a.v, b.v)}; }
inline Vec operator*(Vec a, Vec b) { return {_mm512_mul_ps(a.v, b.v)}; }
inline Vec operator/(Vec a, Vec b) { return {_mm512_div_ps(a.v, b.v)}; }
inline Vec max(Vec a, Vec b) { return {_mm512_max_ps(a.v, b.v)}; }
inline Vec min(Vec a, Vec b) { return {_mm512_min_ps(a.v, b.v)}; }
inline Vec fma(Vec a, Vec b, Vec c) { return {_mm512_fmadd_ps(a.v, b.v, c.v)}; }
inline Vec round(Vec a) { return {_mm512_roundscale_ps(a.v, 0)}; }
// a * 2^n for whole n
inline Vec scale2(Vec a, Vec n) { return {_mm512_scalef_ps(a.v, n.v)}; }

inline __m512 widen(bf16, __m256i x) {
  return _mm512_castsi512_ps(_mm512_slli_epi32(_mm512_cvtepu16_epi32(x), 16));
}
inline __m512 widen(f16, __m256i x) { return _mm512_cvtph_ps(x); }
// Seven bits further up it is float16 but for a factor of 256, subnormals included.
inline __m512 widen(e4m3, __m128i x) {
  const __m256i up = _mm256_slli_epi16(_mm256_cvtepi8_epi16(x), 7);
  const __m256i half = _mm256_and_si256(up, _mm256_set1_epi16(static_cast<short>(0xbfff)));
  return _mm512_mul_ps(_mm512_cvtph_ps(half), _mm512_set1_ps(256.f));
}

inline __m256i narrow(f16, __m512 x) { return _mm512_cvtps_ph(x, _MM_FROUND_TO_NEAREST_INT); }
inline __m256i narrow(bf16, __m512 x) {
#if defined(__AVX512BF16__)
  return (__m256i)_mm512_cvtneps_pbh(x);
#else
  const __m512i bits = _mm512_castps_si512(x);
  const __m512i odd = _mm512_and_si512(_mm512_srli_epi32(bits, 16), _mm512_set1_epi32(1));
  const __m512i up = _mm512_add_epi32(bits, _mm512_add_epi32(odd, _mm512_set1_epi32(0x7fff)));
  const __mmask16 nan = _mm512_cmp_ps_mask(x, x, _CMP_UNORD_Q);
  const __m512i quiet = _mm512_mask_mov_epi32(up, nan, _mm512_set1_epi32(0x7fc00000));
  return _mm512_cvtepi32_epi16(_mm512_srli_epi32(quiet, 16));
#endif
}

inline Vec load(const float *p) { return {_mm512_loadu_ps(p)}; }
inline Vec load_some(const float *p, int n) { return {_mm512_maskz_loadu_ps(first(n), p)}; }
inline void store(float *p, Vec a) { _mm512_storeu_ps(p, a.v); }
inline void store_some(float *p, Vec a, int n) { _mm512_mask_storeu_ps(p, first(n), a.v); }

template <class T>
inline Vec load(const T *p) {
  return {widen(T{}, _mm256_loadu_si256((const __m256i *)p))};
}
template <class T>
inline Vec load_some(const T *p, int n) {
  return {widen(T{}, _mm256_maskz_loadu_epi16(first(n), p))};
}
inline Vec load(const e4m3 *p) { return {widen(e4m3{}, _mm_loadu_si128((const __m128i *)p))}; }
inline Vec load_some(const e4m3 *p, int n) {
  return {widen(e4m3{}, _mm_maskz_loadu_epi8(first(n), p))};
}
template <class T>
inline void store(T *p, Vec a) {
  _mm256_storeu_si256((__m256i *)p, narrow(T{}, a.v));
}
template <class T>
inline void store_some(T *p, Vec a, int n) {
  _mm256_mask_storeu_epi16(p, first(n), narrow(T{}, a.v));
}

// load_some for a count known early: a plain load, which a store just before it can feed.
template <int n>
inline Vec load_front(const float *p) {
  if constexpr (n == 4)
    return {_mm512_zextps128_ps512(_mm_loadu_ps(p))};
  else if constexpr (n == 8)
    return {_mm512_zextps256_ps512(_mm256_loadu_ps(p))};
  else
    return load_some(p, n);
}

inline float largest(Vec a) { return _mm512_reduce_max_ps(a.v); }

// Lane i is the sum of v[i], 0 <= i < count: lanes half a register apart are added, then a quarter,
// and so on. Two registers become one each time, so that the halves of both fill it; a count under
// a register's lanes saves the work on what would be empty, and adds the same lanes.
template <int count>
[[gnu::always_inline]] inline Vec totals(const Vec *v) {
  const auto halves = [](Vec a, Vec b) {
    return Vec{_mm512_shuffle_f32x4(a.v, b.v, 0x44)} + Vec{_mm512_shuffle_f32x4(a.v, b.v, 0xee)};
  };
  const auto quarters = [](Vec a, Vec b) {
    return Vec{_mm512_shuffle_f32x4(a.v, b.v, 0x88)} + Vec{_mm512_shuffle_f32x4(a.v, b.v, 0xdd)};
  };
  const auto pairs = [](Vec a, Vec b) {
    return Vec{_mm512_shuffle_ps(a.v, b.v, 0x44)} + Vec{_mm512_shuffle_ps(a.v, b.v, 0xee)};
  };
  const auto ones = [](Vec a, Vec b) {
    return Vec{_mm512_shuffle_ps(a.v, b.v, 0x88)} + Vec{_mm512_shuffle_ps(a.v, b.v, 0xdd)};
  };
  // a block of four lanes each of v[i], v[j], v[k], v[l]
  const auto four = [&](int i, int j, int k, int l) {
    const auto at = [v](int n) { return n < count ? v[n] : zero(); };
    return quarters(halves(at(i), at(j)), halves(at(k), at(l)));
  };
  if constexpr (count <= 4) {
    const Vec two = pairs(four(0, 1, 2, 3), zero()), one = ones(two, zero());
    const __m512i blocks = _mm512_setr_epi32(0, 4, 8, 12, 1, 5, 9, 13, 2, 6, 10, 14, 3, 7, 11, 15);
    return {_mm512_permutexvar_ps(blocks, one.v)};
  } else if constexpr (count <= 8) {
    const Vec one = ones(pairs(four(0, 1, 2, 3), four(4, 5, 6, 7)), zero());
    const __m512i blocks = _mm512_setr_epi32(0, 4, 8, 12, 1, 5, 9, 13, 2, 6, 10, 14, 3, 7, 11, 15);
    return {_mm512_permutexvar_ps(blocks, one.v)};
  } else {
    return ones(pairs(four(0, 4, 8, 12), four(1, 5, 9, 13)),
                pairs(four(2, 6, 10, 14), four(3, 7, 11, 15)));
  }
}

} // namespace proxyfuse::cpu::PROXYFUSE_ISA
