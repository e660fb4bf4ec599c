// The dense work on a stretch of one row: fuse, sum, mask and temper, draw.
#pragma once

#include "../proxy_sample.h"
#include "portable.h"

namespace proxyfuse::cpu::PROXYFUSE_ISA {

struct Row {
  const SampleArgs &args;
  int64_t s;

  bool proxied() const { return s < args.proxied; }
  bool fused() const { return proxied() && args.requests.alpha[s] != 0; }
  bool given() const { return args.requests.given != nullptr && args.requests.is_given[s]; }
  bool greedy() const { return !(args.requests.temperature[s] > 0); }
  bool filtered() const {
    const auto &r = args.requests;
    return !greedy() &&
           ((r.top_k[s] > 0 && r.top_k[s] < args.vocab) || r.top_p[s] < 1 || r.min_p[s] > 0);
  }
  bool edited() const {
    const auto &r = args.requests;
    const bool penalised = r.repetition[s] != 1 || r.presence[s] != 0 || r.frequency[s] != 0;
    return r.bias_start[s + 1] > r.bias_start[s] ||
           (penalised && r.history_end[s] > r.history_start[s]);
  }
  // Whether the draw needs the whole row first.
  bool settled_late() const { return !given() && (filtered() || edited()); }
  bool summed() const { return args.results.logprobs != nullptr || args.top > 0; }
  bool fused_kept() const { return args.results.ranks != nullptr || args.top > 0; }
};

// Calls body(pointer to row s of the role's logits).
template <class Body>
inline auto with_row(const Logits &logits, int64_t s, Body &&body) {
  const int64_t offset = s * logits.stride;
  if (logits.type == DType::bf16)
    return body(static_cast<const bf16 *>(logits.data) + offset);
  if (logits.type == DType::f16)
    return body(static_cast<const f16 *>(logits.data) + offset);
  return body(static_cast<const float *>(logits.data) + offset);
}

inline int64_t padded(int64_t n) { return (n + kBlock - 1) / kBlock * kBlock; }

// ids [begin, begin + n) of a role, -inf up to the next whole block.
inline void widen_row(const Logits &logits, int64_t s, int64_t begin, int64_t n, float *out) {
  with_row(logits, s, [&](auto *row) {
    int64_t i = 0;
    for (; i + kWide <= n; i += kWide)
      write(out + i, read(row + begin + i));
    if (i < n)
      write(out + i, read_some(row + begin + i, static_cast<int>(n - i)));
  });
  for (int64_t i = n; i < padded(n); ++i)
    out[i] = -kInfinity;
}

template <class T>
inline void fuse_rows(const T *base, const T *expert, const T *antiexpert, float alpha, int64_t n,
                      float *out) {
  const auto fuse = [alpha](f32x16 b, f32x16 e, f32x16 a) { return b + (e - a) * alpha; };
  int64_t i = 0;
  for (; i + kWide <= n; i += kWide)
    write(out + i, fuse(read(base + i), read(expert + i), read(antiexpert + i)));
  if (const int rest = static_cast<int>(n - i))
    write(out + i, fuse(read_some(base + i, rest), read_some(expert + i, rest),
                        read_some(antiexpert + i, rest)));
  for (i = n; i < padded(n); ++i)
    out[i] = -kInfinity;
}

// Fused ids [begin, begin + n), -inf up to the next whole block. spare: [2, kSamplePart].
inline void fuse(const Row &row, int64_t begin, int64_t n, float *out, float *spare) {
  const Logits *l = row.args.logits;
  if (!row.fused())
    return widen_row(l[0], row.s, begin, n, out);
  const float alpha = row.args.requests.alpha[row.s];
  if (l[0].type == l[1].type && l[0].type == l[2].type)
    return with_row(l[0], row.s, [&](auto *base) {
      using T = std::remove_reference_t<decltype(*base)>;
      fuse_rows<T>(base + begin, static_cast<T *>(l[1].data) + row.s * l[1].stride + begin,
                   static_cast<T *>(l[2].data) + row.s * l[2].stride + begin, alpha, n, out);
    });
  widen_row(l[0], row.s, begin, n, out);
  widen_row(l[1], row.s, begin, n, spare);
  widen_row(l[2], row.s, begin, n, spare + kSamplePart);
  fuse_rows<float>(out, spare, spare + kSamplePart, alpha, n, out);
}

// The largest value; whether the first n are all finite, which is true of sums of zeros only.
inline float largest_of(const float *x, int64_t n, bool &finite) {
  f32x16 most = all(-kInfinity), zeros = {};
  for (int64_t i = 0; i < padded(n); i += kWide) {
    const f32x16 value = read(x + i);
    most = max16(most, value);
    const i32x16 counts = iota() + static_cast<int32_t>(i) < static_cast<int32_t>(n);
    zeros += counts ? value * 0.f : f32x16{};
  }
  finite = largest16(zeros) == 0;
  for (int i = 0; i < kWide; ++i)
    finite &= zeros[i] == 0;
  return largest16(most);
}

inline float sum_exp(const float *x, int64_t n, float largest) {
  f32x16 sums[4] = {};
  for (int64_t i = 0; i < padded(n); i += 4 * kWide)
    for (int j = 0; j < 4; ++j)
      sums[j] += exp16(read(x + i + j * kWide) - largest);
  const f32x16 sum = (sums[0] + sums[1]) + (sums[2] + sums[3]);
  float total = 0;
  for (int i = 0; i < kWide; ++i)
    total += sum[i];
  return total;
}

// The row's mask of allowed ids, or null.
inline const uint32_t *allowed_words(const Row &row) {
  const auto &r = row.args.requests;
  if (r.allowed == nullptr || r.allowed_row == nullptr)
    return nullptr;
  return reinterpret_cast<const uint32_t *>(r.allowed) + r.allowed_row[row.s] * r.allowed_stride;
}

// scaled = fused / temperature, -inf where forbidden. begin is a multiple of 32; may be in place.
inline void temper(const Row &row, int64_t begin, int64_t n, const float *fused, float *scaled) {
  const uint32_t *words = allowed_words(row);
  const float divisor = row.greedy() ? 1.f : row.args.requests.temperature[row.s];
  for (int64_t i = 0; i < padded(n); i += kWide) {
    f32x16 x = read(fused + i);
    if (words != nullptr && i < n) {
      const uint32_t word = words[(begin + i) >> 5] >> ((begin + i) & 31);
      x = (((i32x16{} + static_cast<int32_t>(word)) >> iota()) & 1) != 0 ? x : all(-kInfinity);
    }
    if (divisor != 1.f)
      x /= divisor;
    write(scaled + i, x < kLargest ? x : all(kLargest));
  }
}

} // namespace proxyfuse::cpu::PROXYFUSE_ISA
