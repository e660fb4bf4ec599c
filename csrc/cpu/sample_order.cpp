#include "sample_order.h"

#include "proxy_sample.h"

#include <algorithm>
#include <functional>

namespace proxyfuse::cpu {

float cut_to_largest(float *values, int64_t n, int64_t k) {
  std::nth_element(values, values + (k - 1), values + n, std::greater<>());
  return values[k - 1];
}

void order_ids(const float *x, int32_t *ids, int64_t n, int64_t count) {
  const auto first = [x](int32_t a, int32_t b) { return x[a] > x[b] || (x[a] == x[b] && a < b); };
  if (!std::is_sorted(ids, ids + n, first))
    std::partial_sort(ids, ids + count, ids + n, first);
}

SampleScratch::SampleScratch(int64_t vocab) : seen(nullptr, &std::free) {
  const size_t room = static_cast<size_t>((vocab + kSamplePart - 1) / kSamplePart * kSamplePart);
  fused.reset(new float[room]);
  scaled.reset(new float[room]);
  values.reset(new float[room]);
  ids.reset(new int32_t[room]);
  part.reset(new float[3 * kSamplePart]);
  parts.reset(new SamplePart[room / kSamplePart]);
  // calloc's zeros cost nothing until they are read
  seen.reset(static_cast<uint32_t *>(std::calloc(room, sizeof(uint32_t))));
}

} // namespace proxyfuse::cpu
