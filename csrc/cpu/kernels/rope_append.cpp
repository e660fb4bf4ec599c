// Norm and rotate queries and keys; put keys and values into their slots.
#include "kernels.h"
#include "norm.h"

namespace proxyfuse::cpu::PROXYFUSE_ISA {
namespace {

constexpr int64_t kHeads = 8; // of one task

// x * factor * norm at i, or x where there is no norm
template <class T>
Vec normed(const T *x, const T *norm, float factor, int64_t i, int lanes) {
  const Vec v = load_some(x + i, lanes);
  return norm == nullptr ? v : v * set1(factor) * load_some(norm + i, lanes);
}

// Each pair (x[c], x[c + half]), normed, turned by its angle. `out` may be `x`.
template <class T>
void turn(const T *x, const T *norm, float eps, const float *cosines, int64_t half, T *out) {
  const float factor = norm == nullptr ? 1.f : inverse_rms(x, 2 * half, eps);
  strides(half, [&](int64_t i, int lanes) {
    const Vec left = normed(x, norm, factor, i, lanes);
    const Vec right = normed(x, norm, factor, half + i, lanes);
    const Vec cosine = load_some(cosines + i, lanes), sine = load_some(cosines + half + i, lanes);
    store_some(out + i, left * cosine - right * sine, lanes);
    store_some(out + half + i, right * cosine + left * sine, lanes);
  });
}

template <class T>
void head(const RopeAppendArgs &a, int64_t row, int64_t index) {
  T *x = static_cast<T *>(a.qkv) + row * a.qkv_stride + index * a.head_size;
  const float *cosines = a.rotation + a.positions[row] * a.head_size;
  const int64_t half = a.head_size / 2, key_head = (index - a.heads) % a.key_heads;
  if (index < a.heads)
    return turn(x, static_cast<const T *>(a.q_norm), a.eps, cosines, half, x);
  const CacheView &cache = a.cache;
  T *key = static_cast<T *>(cache.data) + a.slots[row] / cache.slots_per_page * cache.page_stride +
           a.slots[row] % cache.slots_per_page * cache.slot_stride + key_head * cache.head_stride;
  if (index < a.heads + a.key_heads)
    turn(x, static_cast<const T *>(a.k_norm), a.eps, cosines, half, key);
  else
    __builtin_memcpy(key + cache.value_offset, x, a.head_size * sizeof(T));
}

} // namespace

void rope_append(const void *args, Worker &worker) {
  const auto &a = *static_cast<const RopeAppendArgs *>(args);
  const int64_t heads = a.heads + 2 * a.key_heads, across = (heads + kHeads - 1) / kHeads;
  with_type(a.type, [&](auto type) {
    worker.for_each(a.rows * across, [&](int64_t task) {
      const int64_t row = task / across, first = task % across * kHeads;
      for (int64_t i = first; i < first + kHeads && i < heads; ++i)
        head<decltype(type)>(a, row, i);
    });
  });
}

} // namespace proxyfuse::cpu::PROXYFUSE_ISA
