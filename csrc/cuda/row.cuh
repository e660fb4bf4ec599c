// A row's wishes, and its logits: read once, fused in float32.
#pragma once

#include "portable.cuh"

namespace proxyfuse::cuda {

template <class T>
__device__ inline T value_or(const T *column, std::int64_t s, T otherwise) {
  return column == nullptr ? otherwise : column[s];
}

struct Row {
  const Args &args;
  std::int64_t s;
  float alpha, temperature; // alpha is 0 where there is nothing to fuse

  __device__ Row(const Args &args, std::int64_t s)
      : args(args), s(s), alpha(proxied() ? value_or(args.columns.alpha, s, 1.f) : 0.f),
        temperature(value_or(args.columns.temperature, s, 1.f)) {}

  __device__ bool proxied() const { return s < args.fused_rows; }
  __device__ bool greedy() const { return !(temperature > 0); }
  __device__ bool given() const {
    return args.columns.given != nullptr && args.columns.is_given[s];
  }
  __device__ int top_k() const { // 0 where all are kept
    const int k = value_or(args.columns.top_k, s, 0);
    return k > 0 && k < args.vocab ? k : 0;
  }
  __device__ float top_p() const { return value_or(args.columns.top_p, s, 1.f); }
  __device__ float min_p() const { return value_or(args.columns.min_p, s, 0.f); }
  __device__ bool filtered() const {
    return args.filters && !greedy() && (top_k() > 0 || top_p() < 1 || min_p() > 0);
  }
  __device__ Stream stream() const {
    const auto seed =
        static_cast<unsigned long long>(value_or<std::int64_t>(args.columns.seed, s, 0));
    return {{static_cast<unsigned>(seed), static_cast<unsigned>(seed >> 32)},
            static_cast<unsigned>(value_or(args.columns.position, s, 0)),
            static_cast<unsigned>(value_or(args.columns.stream, s, 0))};
  }
};

// What a pointer of LogitType::... points at; `mixed` is known at run time only.
enum class Storage { float32, bfloat16, float16, mixed };

template <Storage storage>
using Word = std::conditional_t<storage == Storage::float32, float, unsigned short>;

__device__ inline float widen(float x) { return x; }
__device__ inline float widen_bfloat16(unsigned short bits) {
  return __int_as_float(static_cast<int>(static_cast<unsigned>(bits) << 16));
}
__device__ inline float widen_float16(unsigned short bits) {
  const unsigned magnitude = bits & 0x7fffu, sign = static_cast<unsigned>(bits & 0x8000u) << 16;
  // Shifted into place the exponent is 112 too small: a multiplication mends it, subnormals too.
  const float scaled = __int_as_float(static_cast<int>(magnitude << 13)) * 0x1p112f;
  const int wide = magnitude < 0x7c00u ? __float_as_int(scaled)
                                       : static_cast<int>(magnitude << 13 | 0x7f800000u);
  return __int_as_float(wide | static_cast<int>(sign));
}

template <Storage storage>
__device__ inline float widened(Word<storage> x) {
  if constexpr (storage == Storage::float32)
    return x;
  else
    return storage == Storage::bfloat16 ? widen_bfloat16(x) : widen_float16(x);
}

template <class T>
struct alignas(4 * sizeof(T)) Quad {
  T x[4];
};

// The ids of a thread in a tile, a quad at a time.
__device__ inline int quad_of(int tile, int q) {
  return tile + 4 * (static_cast<int>(threadIdx.x) + q * kThreads);
}

// A thread's ids of the tile, `padding` from end on, where nothing is read.
template <Storage storage>
__device__ inline void read_tile(const Logits &logits, std::int64_t s, int tile, int end,
                                 float padding, float (&x)[kEach]) {
  using T = Word<storage>;
  const T *row = static_cast<const T *>(logits.data) + s * static_cast<std::int64_t>(logits.stride);
  const bool aligned = reinterpret_cast<std::uintptr_t>(row) % sizeof(Quad<T>) == 0;
  if (aligned && tile + kTile <= end) {
    Quad<T> quads[kQuads];
#pragma unroll
    for (int q = 0; q < kQuads; ++q)
      quads[q] = *reinterpret_cast<const Quad<T> *>(row + quad_of(tile, q));
#pragma unroll
    for (int i = 0; i < kEach; ++i)
      x[i] = widened<storage>(quads[i / 4].x[i % 4]);
    return;
  }
#pragma unroll
  for (int i = 0; i < kEach; ++i) {
    const int id = quad_of(tile, i / 4) + i % 4;
    x[i] = id < end ? widened<storage>(row[id]) : padding;
  }
}

template <>
__device__ inline void read_tile<Storage::mixed>(const Logits &logits, std::int64_t s, int tile,
                                                 int end, float padding, float (&x)[kEach]) {
  if (logits.type == LogitType::bfloat16)
    return read_tile<Storage::bfloat16>(logits, s, tile, end, padding, x);
  if (logits.type == LogitType::float16)
    return read_tile<Storage::float16>(logits, s, tile, end, padding, x);
  return read_tile<Storage::float32>(logits, s, tile, end, padding, x);
}

__device__ inline float logit(const Logits &logits, std::int64_t s, int id) {
  const std::int64_t at = s * static_cast<std::int64_t>(logits.stride) + id;
  if (logits.type == LogitType::float32)
    return static_cast<const float *>(logits.data)[at];
  const unsigned short bits = static_cast<const unsigned short *>(logits.data)[at];
  return logits.type == LogitType::bfloat16 ? widen_bfloat16(bits) : widen_float16(bits);
}

__device__ inline float fuse(float base, float expert, float antiexpert, float alpha) {
  if (alpha == 0)
    return base;
  const float difference = expert - antiexpert;
  return base + difference * alpha;
}

} // namespace proxyfuse::cuda
