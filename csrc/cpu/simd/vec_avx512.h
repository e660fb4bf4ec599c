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
template <class T>
inline void store(T *p, Vec a) {
  _mm256_storeu_si256((__m256i *)p, narrow(T{}, a.v));
}
template <class T>
inline void store_some(T *p, Vec a, int n) {
  _mm256_mask_storeu_epi16(p, first(n), narrow(T{}, a.v));
}

inline float largest(Vec a) { return _mm512_reduce_max_ps(a.v); }

inline __m128 fold(Vec a) {
  const __m256 half = _mm256_add_ps(_mm512_castps512_ps256(a.v), _mm512_extractf32x8_ps(a.v, 1));
  return _mm_add_ps(_mm256_castps256_ps128(half), _mm256_extractf128_ps(half, 1));
}
inline void sums4(Vec a, Vec b, Vec c, Vec d, float *out) {
  const __m128 ab = _mm_hadd_ps(fold(a), fold(b)), cd = _mm_hadd_ps(fold(c), fold(d));
  _mm_storeu_ps(out, _mm_hadd_ps(ab, cd));
}

} // namespace proxyfuse::cpu::PROXYFUSE_ISA
