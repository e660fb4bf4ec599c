#pragma once

#include "vec.h"

namespace proxyfuse::cpu::PROXYFUSE_ISA {

// e^x within 2 ulp where that is a normal number; 0 of -inf, infinity when too large, NaN of NaN.
inline Vec exp(Vec x) {
  // x = n ln 2 + r, |r| <= ln(2) / 2, with ln 2 in two parts so that r is exact to float32
  // (min and max give their second argument where one is NaN)
  const Vec clamped = min(set1(89.f), max(set1(-104.f), x));
  const Vec n = round(clamped * set1(0x1.715476p+0f));
  const Vec r = fma(n, set1(-0x1.7f7d1cp-20f), fma(n, set1(-0x1.62e4p-1f), clamped));
  // Taylor's coefficients to r^7 leave 3e-9 on this interval
  Vec p = set1(0x1.a01a02p-13f);
  p = fma(p, r, set1(0x1.6c16c2p-10f));
  p = fma(p, r, set1(0x1.111112p-7f));
  p = fma(p, r, set1(0x1.555556p-5f));
  p = fma(p, r, set1(0x1.555556p-3f));
  p = fma(p, r, set1(0.5f));
  p = fma(p * r, r, r);
  return scale2(p + set1(1.f), n);
}

inline float scalar_exp(float x) {
  float lanes[kLanes];
  store(lanes, exp(set1(x)));
  return lanes[0];
}

inline Vec sigmoid(Vec x) { return set1(1.f) / (set1(1.f) + exp(zero() - x)); }

// tanh x = 1 - 2 / (e^2x + 1): absolutely accurate, which is what capping needs.
inline Vec tanh(Vec x) { return set1(1.f) - set1(2.f) / (exp(x + x) + set1(1.f)); }

} // namespace proxyfuse::cpu::PROXYFUSE_ISA
