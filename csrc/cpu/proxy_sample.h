// Fuse three rows of logits, filter, draw: see proxyfuse_kernels/proxy_sample for the promise.
#pragma once

#include "ops.h"

#include <cstdlib>
#include <limits>
#include <memory>

namespace proxyfuse::cpu {

struct Logits {
  const void *data; // [rows, at least vocab]
  int64_t stride;   // elements
  DType type;
};

// The columns of SampleRows, in its order.
struct SampleRequests {
  const float *alpha, *temperature;
  const int32_t *top_k;
  const float *top_p, *min_p;
  const int64_t *seed;
  const int32_t *stream, *position;
  const float *repetition, *presence, *frequency;
  const int32_t *history, *history_start, *history_split, *history_end;
  const int32_t *bias_ids;
  const float *bias_values;
  const int32_t *bias_start;
  const int32_t *allowed, *allowed_row; // null: every id is allowed
  const int32_t *given;                 // null: every token is drawn
  const bool *is_given;
  int64_t allowed_stride;
};

// The fields of SampleDraws; from ranks on they are null where nobody asked, and so are logprobs
// and logsumexp where nobody reads them.
struct SampleResults {
  int32_t *tokens;
  float *logprobs, *logsumexp;
  bool *finite;
  int32_t *ranks;
  float *role_logprobs;
  int32_t *top_ids; // [rows, top]
  float *top_logprobs;
  float *margins;
};

// What one stretch of a row contributes. Stretches have one size whatever the team, and are put
// together in order, so that a row's result does not depend on who computed what.
struct SamplePart {
  float
      best; // the largest scaled + noise, and the lowest id that has it; -1 where all are forbidden
  int32_t best_id;
  float next; // the largest of its other ids, where margins are asked for
  bool finite;
  float largest[4]; // of fused, and of each role
  float sum[4];     // of exp(x - largest)
};

// What the filters keep: x above value, or equal to it with an id up to last_id; and of these, what
// weighs at least min_weight against the largest.
struct SampleKept {
  float value = -std::numeric_limits<float>::infinity();
  int32_t last_id = std::numeric_limits<int32_t>::max();
  float min_weight = 0, largest = 0;
};

inline constexpr int64_t kSamplePart = 4096; // ids

// So few ids take less time than it takes to wake a team on a busy machine.
inline constexpr int64_t kSampleAlone = 16384;

// Buffers for one row in the making; nothing is touched before it is needed.
struct SampleScratch {
  explicit SampleScratch(int64_t vocab);

  std::unique_ptr<float[]> fused, scaled; // [vocab, rounded up], -inf in the last block's tail
  std::unique_ptr<float[]> part;          // [3, kSamplePart]; the thread's, not the row's
  std::unique_ptr<uint32_t[], decltype(&std::free)> seen; // [vocab], zero between rows
  std::unique_ptr<float[]> values;                        // [vocab, rounded up]
  std::unique_ptr<int32_t[]> ids;                         // likewise
  std::unique_ptr<SamplePart[]> parts;
  SampleKept kept;
};

struct SampleArgs {
  Logits logits[3];      // base, expert, antiexpert
  int64_t rows, proxied; // the first `proxied` rows are fused
  int64_t vocab, top;
  SampleRequests requests;
  SampleResults results;
  SampleScratch *const *scratch; // one for each thread of the team
};

} // namespace proxyfuse::cpu
