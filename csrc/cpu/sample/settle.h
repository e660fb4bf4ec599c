// What happens to a row between its dense passes (edits, filters) and after them (its results).
#pragma once

#include "filter.h"

namespace proxyfuse::cpu::PROXYFUSE_ISA {

inline float logit(const Logits &logits, int64_t s, int64_t id) {
  return with_row(logits, s, [id](auto *row) { return scalar(row + id); });
}

inline float fused_logit(const Row &row, int64_t id) {
  const Logits *l = row.args.logits;
  const float base = logit(l[0], row.s, id);
  if (!row.fused())
    return base;
  const float difference = logit(l[1], row.s, id) - logit(l[2], row.s, id);
  return base + difference * row.args.requests.alpha[row.s];
}

inline constexpr uint32_t kMet = 1u << 31, kInHistory = 1u << 30, kCount = kInHistory - 1;

// Bias, then penalties, then the mask and the temperature once more, on the few ids they touch.
inline void edit(const Row &row, float *scaled, SampleScratch &scratch) {
  const auto &r = row.args.requests;
  const int64_t s = row.s;
  int32_t *ids = scratch.ids.get();
  int64_t met = 0;
  uint32_t *seen = scratch.seen.get();
  const auto meet = [&](int32_t id, uint32_t mark) {
    if (id < 0 || id >= row.args.vocab)
      return false;
    if (seen[id] == 0) {
      ids[met++] = id;
      scaled[id] = fused_logit(row, id);
    }
    seen[id] |= kMet | mark;
    return true;
  };
  for (int32_t i = r.bias_start[s]; i < r.bias_start[s + 1]; ++i)
    if (meet(r.bias_ids[i], 0))
      scaled[r.bias_ids[i]] += r.bias_values[i];
  for (int32_t i = r.history_start[s]; i < r.history_end[s]; ++i)
    if (meet(r.history[i], kInHistory) && i >= r.history_split[s])
      ++seen[r.history[i]];
  const uint32_t *words = allowed_words(row);
  for (int64_t i = 0; i < met; ++i) {
    const int32_t id = ids[i];
    float x = scaled[id];
    const uint32_t count = seen[id] & kCount;
    if (seen[id] & kInHistory)
      x = x > 0 ? x / r.repetition[s] : x * r.repetition[s];
    x = x - r.frequency[s] * static_cast<float>(count);
    if (count > 0)
      x = x - r.presence[s];
    if (words != nullptr && !(words[id >> 5] >> (id & 31) & 1))
      x = -kInfinity;
    if (!row.greedy())
      x = x / r.temperature[s];
    scaled[id] = x < kLargest ? x : kLargest;
    seen[id] = 0;
  }
}

// 0: fused; 1 to 3: the roles.
inline double log_sum_exp(const SamplePart *parts, int64_t count, int which) {
  double largest = -kInfinity, sum = 0;
  for (int64_t p = 0; p < count; ++p)
    largest = parts[p].largest[which] > largest ? parts[p].largest[which] : largest;
  for (int64_t p = 0; p < count; ++p)
    sum += parts[p].sum[which] * std::exp(parts[p].largest[which] - largest);
  return largest + std::log(sum);
}

inline void rank_and_top(const Row &row, int32_t token, double total, SampleScratch &scratch) {
  const auto &out = row.args.results;
  const int64_t n = row.args.vocab, top = row.args.top;
  const float *fused = scratch.fused.get();
  if (out.ranks != nullptr) {
    i32x16 larger = {};
    for (int64_t i = 0; i < padded(n); i += kWide)
      larger -= read(fused + i) > fused[token];
    out.ranks[row.s] = 1;
    for (int i = 0; i < kWide; ++i)
      out.ranks[row.s] += larger[i];
  }
  if (top == 0)
    return;
  int32_t *ids = scratch.ids.get();
  int64_t count = 0;
  const float border = kth_largest(fused, n, top, scratch.values.get());
  const float below = std::nextafter(border, -kInfinity);
  above(
      fused, n, [&] { return below; }, [&](int64_t i) { ids[count++] = static_cast<int32_t>(i); });
  order_ids(fused, ids, count, top);
  for (int64_t i = 0; i < top; ++i) {
    out.top_ids[row.s * top + i] = ids[i];
    out.top_logprobs[row.s * top + i] = static_cast<float>(fused[ids[i]] - total);
  }
}

inline void write_roles(const Row &row, int32_t token, int64_t parts, SampleScratch &scratch) {
  float *out = row.args.results.role_logprobs + 3 * row.s;
  for (int role = 0; role < 3; ++role)
    if (role == 0 || row.proxied())
      out[role] = static_cast<float>(logit(row.args.logits[role], row.s, token) -
                                     log_sum_exp(scratch.parts.get(), parts, 1 + role));
    else
      out[role] = std::numeric_limits<float>::quiet_NaN();
}

// A row with nothing to draw from: token 0, not finite, NaN in place of numbers.
inline void write_nothing(const Row &row) {
  const auto &out = row.args.results;
  const float nan = std::numeric_limits<float>::quiet_NaN();
  out.tokens[row.s] = 0;
  if (out.logprobs != nullptr)
    out.logprobs[row.s] = out.logsumexp[row.s] = nan;
  out.finite[row.s] = false;
  if (out.margins != nullptr)
    out.margins[row.s] = nan;
  if (out.ranks != nullptr)
    out.ranks[row.s] = 0;
  for (int i = 0; out.role_logprobs != nullptr && i < 3; ++i)
    out.role_logprobs[3 * row.s + i] = nan;
  for (int64_t i = row.s * row.args.top; i < (row.s + 1) * row.args.top; ++i) {
    out.top_ids[i] = 0;
    out.top_logprobs[i] = nan;
  }
}

inline void finish(const Row &row, int64_t parts, SampleScratch &scratch) {
  const auto &out = row.args.results;
  Best best;
  bool finite = true;
  for (int64_t p = 0; p < parts; ++p) {
    const SamplePart &part = scratch.parts[p];
    finite &= part.finite;
    if (part.best_id >= 0)
      best.meet({part.best, part.best_id, part.next});
  }
  const int32_t token = row.given() ? row.args.requests.given[row.s] : best.id;
  if (!finite || token < 0 || token >= row.args.vocab)
    return write_nothing(row);
  const double total = row.summed() ? log_sum_exp(scratch.parts.get(), parts, 0) : 0;
  out.tokens[row.s] = token;
  if (out.logprobs != nullptr) {
    out.logprobs[row.s] = static_cast<float>(fused_logit(row, token) - total);
    out.logsumexp[row.s] = static_cast<float>(total);
  }
  out.finite[row.s] = true;
  if (out.margins != nullptr)
    out.margins[row.s] =
        row.given() ? std::numeric_limits<float>::quiet_NaN() : best.value - best.next;
  if (out.role_logprobs != nullptr)
    write_roles(row, token, parts, scratch);
  rank_and_top(row, token, total, scratch);
}

} // namespace proxyfuse::cpu::PROXYFUSE_ISA
