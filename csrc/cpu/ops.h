#pragma once

#include "tape.h"

#include <cstdint>

namespace proxyfuse::cpu {

// How an element is stored. Arithmetic is float32 throughout.
enum class DType : int { f32, bf16, f16 };

// The arguments of each operation. Strides are in elements; the last dimension is contiguous.

struct EmbedArgs {
  const int32_t *ids; // [rows]
  const void *table;  // [V, width] of type
  float *out;         // [rows, width]
  int64_t rows, width, out_stride;
  DType type;
};

struct RmsNormArgs {
  const float *x;     // [rows, width]
  const void *weight; // [width] of type
  void *out;          // [rows, width] of out_type
  int64_t rows, width, x_stride, out_stride;
  float eps;
  DType type, out_type;
};

struct LinearArgs {
  const void *x;       // [rows, inputs] of type
  const void *weight;  // [outputs, inputs] of type, contiguous; e4m3 where there are scales
  const float *scales; // [outputs] that weights are to be multiplied by, or null
  const void *bias;    // [outputs] of type, or null
  void *out;           // [rows, outputs] of out_type
  int64_t rows, inputs, outputs, x_stride, out_stride;
  DType type, out_type; // out_type is type or f32
  bool add;             // out += instead of out =; f32 only
};

struct SelectArgs {
  const float *x;      // [T, width]
  const int32_t *rows; // [count]
  float *out;          // [count, width]
  int64_t count, width, x_stride, out_stride;
};

struct PlaceArgs {
  const int32_t *tokens; // [count]
  const int32_t *index;  // [targets, count]
  int32_t *out;          // out[index[t, i]] = tokens[i]
  int64_t count, targets;
};

// Rows kept by token, and whose each is: hindsight/__init__.py says what for.
struct HindsightView {
  float *values;      // [slots, width]
  int32_t *tags;      // [stretches, slots, 2]: text, token
  const int32_t *ids; // token of row n: ids[rows[n]]
  const int32_t *rows, *text;
  int64_t slots, width, stretch; // stretch: columns that have tags of their own
};

struct RecallArgs {
  const float *logits; // [count, width or more]
  float *out;          // [count, width]
  HindsightView view;
  int64_t count, logits_stride, out_stride;
  float trust;
};

struct RememberArgs {
  const float *base, *expert, *anti, *drawn; // [count, width or more]
  const float *alpha;                        // [count]
  HindsightView view;
  int64_t count, base_stride, expert_stride, anti_stride, drawn_stride;
  float news;
};

struct SiluMulArgs {
  const void *gate_up; // [rows, 2 * width] of type, gate first
  void *out;           // [rows, width] of type
  int64_t rows, width, in_stride, out_stride;
  DType type;
};

// One layer's keys and values: [pages, 2, slots_per_page, key_heads, head_size].
struct CacheView {
  void *data;
  int64_t page_stride, value_offset, slot_stride, head_stride, slots_per_page;
};

struct RopeAppendArgs {
  void *qkv;                // [rows, (heads + 2 * key_heads) * head_size] of type
  const int32_t *positions; // [rows]
  const int32_t *slots;     // [rows]
  const float *rotation;    // [max positions, 2, head_size / 2]
  const void *q_norm;       // [head_size] of type, or null
  const void *k_norm;       // likewise
  CacheView cache;
  int64_t rows, heads, key_heads, head_size, qkv_stride;
  float eps;
  DType type;
};

inline constexpr int kMostHeadSize = 512; // that paged_attention takes

struct AttentionArgs {
  const void *qkv;           // [rows, (heads + 2 * key_heads) * head_size] of type; q is read
  const int32_t *positions;  // [rows]
  const int32_t *lanes;      // [rows]
  const int32_t *page_table; // [lanes, table_stride]
  void *out;                 // [rows, heads * head_size] of type
  CacheView cache;
  int64_t rows, heads, key_heads, head_size, qkv_stride, out_stride, table_stride;
  int64_t window; // keys a row sees, at most
  float scale;
  float softcap; // 0 is none
  DType type;
};

// One instruction set's version of every operation.
struct Kernels {
  Kernel embed, rms_norm, linear, select, place, recall, remember, silu_mul, rope_append,
      paged_attention, proxy_sample;
};

} // namespace proxyfuse::cpu
