#pragma once

#include "../simd/vec.h"

namespace proxyfuse::cpu::PROXYFUSE_ISA {

template <class T>
float sum_of_squares(const T *x, int64_t width) {
  // four chains hide the latency of addition; their order is that of the row alone
  Vec chains[4] = {zero(), zero(), zero(), zero()};
  int64_t i = 0;
  for (; i + 4 * kLanes <= width; i += 4 * kLanes)
    for (int c = 0; c < 4; ++c) {
      const Vec v = load(x + i + c * kLanes);
      chains[c] = fma(v, v, chains[c]);
    }
  strides(width - i, [&](int64_t j, int lanes) {
    const Vec v = load_some(x + i + j, lanes);
    chains[0] = fma(v, v, chains[0]);
  });
  return sum((chains[0] + chains[1]) + (chains[2] + chains[3]));
}

// 1 / sqrt(mean(x^2) + eps)
template <class T>
float inverse_rms(const T *x, int64_t width, float eps) {
  return 1.f / __builtin_sqrtf(sum_of_squares(x, width) / static_cast<float>(width) + eps);
}

} // namespace proxyfuse::cpu::PROXYFUSE_ISA
