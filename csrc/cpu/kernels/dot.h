// Dot products of a few rows of x with a few rows of weights, in registers.
#pragma once

#include "../simd/vec.h"

namespace proxyfuse::cpu::PROXYFUSE_ISA {

// How one register of T is multiplied and added: kStep elements at a time.
template <class T>
struct Dot {
  using Operand = Vec;
  static constexpr int kStep = kLanes;
  static Operand load(const T *p) { return PROXYFUSE_ISA::load(p); }
  static Operand load_some(const T *p, int n) { return PROXYFUSE_ISA::load_some(p, n); }
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
template <int rows, int columns, int fetched, class T>
[[gnu::always_inline]] inline void accumulate(Matrix<T> x, Matrix<T> w, Matrix<T> next,
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
    step([](const T *p) { return D::load(p); }, k);
  if (const int rest = static_cast<int>(width - k); rest > 0)
    step([rest](const T *p) { return D::load_some(p, rest); }, k);
#pragma GCC unroll 32
  for (int i = 0; i < rows * columns; ++i)
    acc[i] = sum[i];
}

} // namespace proxyfuse::cpu::PROXYFUSE_ISA
