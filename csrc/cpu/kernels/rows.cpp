// Operations on whole rows: embed, select, rms_norm, silu_mul.
#include "../simd/math.h"
#include "kernels.h"
#include "norm.h"

namespace proxyfuse::cpu::PROXYFUSE_ISA {
namespace {

template <class From, class To>
void copy(const From *from, To *to, int64_t width) {
  strides(width, [&](int64_t i, int lanes) {
    if (lanes == kLanes)
      store(to + i, load(from + i));
    else
      store_some(to + i, load_some(from + i, lanes), lanes);
  });
}

template <class W, class Out>
void normed(const float *x, const W *weight, float factor, Out *out, int64_t width) {
  strides(width, [&](int64_t i, int lanes) {
    const Vec v = load_some(x + i, lanes) * set1(factor) * load_some(weight + i, lanes);
    store_some(out + i, v, lanes);
  });
}

template <class T>
void gated(const T *gate, const T *up, T *out, int64_t width) {
  strides(width, [&](int64_t i, int lanes) {
    const Vec g = load_some(gate + i, lanes);
    store_some(out + i, g * sigmoid(g) * load_some(up + i, lanes), lanes);
  });
}

// Enough columns a task that handing it out costs little; whole registers, so that bits stay put.
constexpr int64_t kStretch = 2048;

int64_t at_most(int64_t a, int64_t b) { return a < b ? a : b; }

} // namespace

void embed(const void *args, Worker &worker) {
  const auto &a = *static_cast<const EmbedArgs *>(args);
  with_type(a.type, [&](auto type) {
    const auto *table = static_cast<const decltype(type) *>(a.table);
    worker.for_each(a.rows, [&](int64_t row) {
      copy(table + a.ids[row] * a.width, a.out + row * a.out_stride, a.width);
    });
  });
}

void select(const void *args, Worker &worker) {
  const auto &a = *static_cast<const SelectArgs *>(args);
  worker.for_each(a.count, [&](int64_t row) {
    copy(a.x + a.rows[row] * a.x_stride, a.out + row * a.out_stride, a.width);
  });
}

void rms_norm(const void *args, Worker &worker) {
  const auto &a = *static_cast<const RmsNormArgs *>(args);
  with_type(a.type, [&](auto type) {
    with_type(a.out_type, [&](auto out_type) {
      const auto *weight = static_cast<const decltype(type) *>(a.weight);
      auto *out = static_cast<decltype(out_type) *>(a.out);
      worker.for_each(a.rows, [&](int64_t row) {
        const float *x = a.x + row * a.x_stride;
        normed(x, weight, inverse_rms(x, a.width, a.eps), out + row * a.out_stride, a.width);
      });
    });
  });
}

void place(const void *args, Worker &worker) {
  const auto &a = *static_cast<const PlaceArgs *>(args);
  if (worker.thread > 0) // a handful of tokens
    return;
  for (int64_t t = 0; t < a.targets; ++t)
    for (int64_t i = 0; i < a.count; ++i)
      a.out[a.index[t * a.count + i]] = a.tokens[i];
}

void silu_mul(const void *args, Worker &worker) {
  const auto &a = *static_cast<const SiluMulArgs *>(args);
  const int64_t stretches = (a.width + kStretch - 1) / kStretch;
  with_type(a.type, [&](auto type) {
    using T = decltype(type);
    worker.for_each(a.rows * stretches, [&](int64_t task) {
      const int64_t row = task / stretches, begin = task % stretches * kStretch;
      const T *gate = static_cast<const T *>(a.gate_up) + row * a.in_stride + begin;
      T *out = static_cast<T *>(a.out) + row * a.out_stride + begin;
      gated(gate, gate + a.width, out, at_most(kStretch, a.width - begin));
    });
  });
}

} // namespace proxyfuse::cpu::PROXYFUSE_ISA
