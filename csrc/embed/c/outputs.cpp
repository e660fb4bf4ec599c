// Outputs of the C ABI.
#include "handles.h"
#include "status.h"

#include <limits>

using proxyfuse::Completion;
using proxyfuse::Logprob;

namespace {

// Continuation `at`, or null.
const Completion *completion(const proxyfuse_output *output, size_t at) {
  return at < output->fields.outputs.size() ? &output->fields.outputs[at] : nullptr;
}

double or_nan(const std::optional<double> &value) {
  return value.value_or(std::numeric_limits<double>::quiet_NaN());
}

} // namespace

uint64_t proxyfuse_output_id(const proxyfuse_output *output) { return output->fields.request_id; }

int proxyfuse_output_finished(const proxyfuse_output *output) { return output->fields.finished; }

size_t proxyfuse_output_count(const proxyfuse_output *output) {
  return output->fields.outputs.size();
}

const char *proxyfuse_output_text(const proxyfuse_output *output, size_t at, size_t *bytes) {
  const Completion *one = completion(output, at);
  *bytes = one ? one->text.size() : 0;
  return one ? one->text.c_str() : nullptr;
}

const int32_t *proxyfuse_output_ids(const proxyfuse_output *output, size_t at, size_t *count) {
  const Completion *one = completion(output, at);
  *count = one ? one->token_ids.size() : 0;
  return one ? one->token_ids.data() : nullptr;
}

proxyfuse_finish proxyfuse_output_finish(const proxyfuse_output *output, size_t at) {
  const Completion *one = completion(output, at);
  return one ? static_cast<proxyfuse_finish>(one->finish_reason) : PROXYFUSE_UNFINISHED;
}

proxyfuse_status proxyfuse_output_error(const proxyfuse_output *output, size_t at,
                                        const char **message) {
  if (!output || !message)
    return proxyfuse::c::failed(PROXYFUSE_REQUEST, "got NULL, want an output and a place for it");
  const Completion *one = completion(output, at);
  *message = one ? one->error.c_str() : "";
  if (!one || one->finish_reason != proxyfuse::FinishReason::error)
    return PROXYFUSE_OK;
  const bool unnamed = one->error_kind == proxyfuse::ErrorKind::none;
  return unnamed ? PROXYFUSE_ENGINE : static_cast<proxyfuse_status>(one->error_kind);
}

double proxyfuse_output_cumulative_logprob(const proxyfuse_output *output, size_t at) {
  const Completion *one = completion(output, at);
  return one ? one->cumulative_logprob : 0.0;
}

size_t proxyfuse_output_logprobs(const proxyfuse_output *output, size_t at, size_t token) {
  const Completion *one = completion(output, at);
  return one && token < one->logprobs.size() ? one->logprobs[token].size() : 0;
}

proxyfuse_status proxyfuse_output_logprob(const proxyfuse_output *output, size_t at, size_t token,
                                          size_t which, proxyfuse_logprob *logprob) {
  if (!output || !logprob)
    return proxyfuse::c::failed(PROXYFUSE_REQUEST, "got NULL, want an output and a place for it");
  if (which >= proxyfuse_output_logprobs(output, at, token))
    return proxyfuse::c::failed(PROXYFUSE_UNKNOWN, "got no such log-probability");
  const Logprob &found = output->fields.outputs[at].logprobs[token][which];
  *logprob = {found.token_id,
              found.rank.value_or(0),
              found.logprob,
              or_nan(found.base),
              or_nan(found.expert),
              or_nan(found.antiexpert),
              found.decoded_token.c_str()};
  return PROXYFUSE_OK;
}
