// A register of float32 and the storage types it loads from. One small interface, written for each
// instruction set; a file that includes this is compiled once for each, with PROXYFUSE_ISA its
// name.
#pragma once

#include <cstdint>

namespace proxyfuse::cpu::PROXYFUSE_ISA {

struct bf16 {
  uint16_t bits;
};
struct f16 {
  uint16_t bits;
};
struct e4m3 { // only loaded, and never NaN
  uint8_t bits;
};

} // namespace proxyfuse::cpu::PROXYFUSE_ISA

#if defined(__AVX512F__)
#include "vec_avx512.h"
#elif defined(__AVX2__)
#include "vec_avx2.h"
#else
#include "vec_generic.h"
#endif

namespace proxyfuse::cpu::PROXYFUSE_ISA {

// The sum of each of `count` registers; a sum does not depend on how many there are.
template <int count>
[[gnu::always_inline]] inline void sums(const Vec *v, float *out) {
  constexpr int whole = count / kLanes * kLanes;
#pragma GCC unroll 8
  for (int i = 0; i < whole; i += kLanes)
    store(out + i, totals<kLanes>(v + i));
  if constexpr (whole < count)
    store_some(out + whole, totals<count - whole>(v + whole), count - whole);
}

inline float sum(Vec v) {
  float out;
  sums<1>(&v, &out);
  return out;
}

template <class T>
float scalar(const T *p) {
  float lanes[kLanes];
  store(lanes, load_some(p, 1));
  return lanes[0];
}

template <class T>
void store_scalar(T *p, float value) {
  store_some(p, set1(value), 1);
}

// Calls body(offset, lanes) over [0, width) in whole registers, then once for what remains.
template <class Body>
void strides(int64_t width, Body &&body) {
  int64_t i = 0;
  for (; i + kLanes <= width; i += kLanes)
    body(i, kLanes);
  if (i < width)
    body(i, static_cast<int>(width - i));
}

} // namespace proxyfuse::cpu::PROXYFUSE_ISA
