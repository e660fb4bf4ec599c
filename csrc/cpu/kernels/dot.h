// Dot products of a few rows of x with a few rows of weights, in registers.
#pragma once

#include "../simd/vec.h"

namespace proxyfuse::cpu::PROXYFUSE_ISA {

// How one register of T is multiplied and added: kStep elements at a time. What is kept in fewer
// bits is widened to what T would have held.
template <class T>
struct Dot {
  using Operand = Vec;
  static constexpr int kStep = kLanes;
  template <class W>
  static Operand load(const W *p) {
    return PROXYFUSE_ISA::load(p);
  }
  template <class W>
  static Operand load_some(const W *p, int n) {
    return PROXYFUSE_ISA::load_some(p, n);
  }
  static Vec add(Operand a, Operand b, Vec to) { return fma(a, b, to); }
};

#if defined(__AVX512BF16__)
// Two products a lane: exact each, added one after the other.
template <>
struct Dot<bf16> {
  using Operand = __m512bh;
  static constexpr int kStep = 32;
  static Operand load(const bf16 *p) { return (__m512bh)_mm512_loadu_si512(p); }
  static Operand load_some(const bf16 *p, int n) {
    return (__m512bh)_mm512_maskz_loadu_epi16((1u << n) - 1u, p);
  }
  static Operand load(const e4m3 *p) { return widen(_mm256_loadu_si256((const __m256i *)p)); }
  static Operand load_some(const e4m3 *p, int n) {
    return widen(_mm256_maskz_loadu_epi8((1u << n) - 1u, p));
  }
  // The exponent is 120 short, but for subnormals, which these dot products would take for zero:
  // they are looked up.
  static Operand widen(__m256i x) {
    const __m512i wide = _mm512_cvtepi8_epi16(x);
    const __m512i rest = _mm512_and_si512(_mm512_slli_epi16(wide, 4), _mm512_set1_epi16(0x7f0));
    const __m512i normal = _mm512_add_epi16(rest, _mm512_set1_epi16(120 << 7));
    const __m512i eighths = _mm512_castsi128_si512(
        _mm_setr_epi16(0, 0x3b00, 0x3b80, 0x3bc0, 0x3c00, 0x3c20, 0x3c40, 0x3c60)); // of 2^-6
    const __mmask32 subnormal = _mm512_testn_epi16_mask(wide, _mm512_set1_epi16(0x78));
    const __m512i size = _mm512_mask_permutexvar_epi16(normal, subnormal, wide, eighths);
    const __m512i sign = _mm512_set1_epi16(static_cast<short>(0x8000));
    return (__m512bh)_mm512_ternarylogic_epi32(size, wide, sign, 0xf8); // size | (wide & sign)
  }
  static Vec add(Operand a, Operand b, Vec to) { return {_mm512_dpbf16_ps(to.v, a, b)}; }
};
#endif

// A row-major matrix, or a part of one.
template <class T>
struct Matrix {
  const T *data;
  int64_t stride;

  const T *row(int64_t i) const { return data + i * stride; }
};

// acc[m * columns + n] += x row m . w row n over `width` inputs. Meanwhile the first `fetched` rows
// of `next` are brought nearer.
template <int rows, int columns, int fetched, class T, class W>
[[gnu::always_inline]] inline void accumulate(Matrix<T> x, Matrix<W> w, Matrix<W> next,
                                              int64_t width, Vec *acc) {
  using D = Dot<T>;
  Vec sum[rows * columns];
#pragma GCC unroll 32
  for (int i = 0; i < rows * columns; ++i)
    sum[i] = acc[i];
  const auto step = [&](auto load, int64_t k) {
    typename D::Operand right[columns];
#pragma GCC unroll 8
    for (int n = 0; n < columns; ++n)
      right[n] = load(w.row(n) + k);
#pragma GCC unroll 8
    for (int n = 0; n < fetched; ++n)
      __builtin_prefetch(next.row(n) + k, 0, 3);
#pragma GCC unroll 8
    for (int m = 0; m < rows; ++m) {
      const auto left = load(x.row(m) + k);
#pragma GCC unroll 8
      for (int n = 0; n < columns; ++n)
        sum[m * columns + n] = D::add(left, right[n], sum[m * columns + n]);
    }
  };
  int64_t k = 0;
  for (; k + D::kStep <= width; k += D::kStep)
    step([](const auto *p) { return D::load(p); }, k);
  if (const int rest = static_cast<int>(width - k); rest > 0)
    step([rest](const auto *p) { return D::load_some(p, rest); }, k);
#pragma GCC unroll 32
  for (int i = 0; i < rows * columns; ++i)
    acc[i] = sum[i];
}

} // namespace proxyfuse::cpu::PROXYFUSE_ISA
