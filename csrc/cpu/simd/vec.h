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

} // namespace proxyfuse::cpu::PROXYFUSE_ISA

#if defined(__AVX512F__)
#include "vec_avx512.h"
#elif defined(__AVX2__)
#include "vec_avx2.h"
#else
#include "vec_generic.h"
#endif

namespace proxyfuse::cpu::PROXYFUSE_ISA {

// The sum of each of `count` registers, one order of additions whatever their number.
template <int count>
void sums(const Vec *v, float *out) {
  int i = 0;
  for (; i + 4 <= count; i += 4)
    sums4(v[i], v[i + 1], v[i + 2], v[i + 3], out + i);
  for (float rest[4]; i < count; ++i) {
    sums4(v[i], zero(), zero(), zero(), rest);
    out[i] = rest[0];
  }
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
