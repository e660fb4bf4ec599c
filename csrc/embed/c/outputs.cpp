// Outputs of the C ABI.
#include "handles.h"
#include "status.h"

using proxyfuse::Completion;
using proxyfuse::c::failed;

namespace {

// Continuation `at`, or null.
const Completion *completion(const proxyfuse_output *output, size_t at) {
  return output && at < output->fields.outputs.size() ? &output->fields.outputs[at] : nullptr;
}

// A list of the one there is, and its length where that is asked for.
template <class List>
auto listed(const List *list, size_t *length) -> decltype(list->data()) {
  if (length)
    *length = list ? list->size() : 0;
  return list ? list->data() : nullptr;
}

proxyfuse_status nothing_given() {
  return failed(PROXYFUSE_REQUEST, "got NULL, want an output and a place for the answer");
}

} // namespace

uint64_t proxyfuse_output_id(const proxyfuse_output *output) {
  return output ? output->fields.request_id : 0;
}

int proxyfuse_output_finished(const proxyfuse_output *output) {
  return output && output->fields.finished;
}

size_t proxyfuse_output_count(const proxyfuse_output *output) {
  return output ? output->fields.outputs.size() : 0;
}

const int32_t *proxyfuse_output_prompt_ids(const proxyfuse_output *output, size_t *count) {
  return listed(output ? &output->fields.prompt_token_ids : nullptr, count);
}

int64_t proxyfuse_output_index(const proxyfuse_output *output, size_t at) {
  const Completion *one = completion(output, at);
  return one ? one->index : 0;
}

const char *proxyfuse_output_text(const proxyfuse_output *output, size_t at, size_t *bytes) {
  const Completion *one = completion(output, at);
  return listed(one ? &one->text : nullptr, bytes);
}

const int32_t *proxyfuse_output_ids(const proxyfuse_output *output, size_t at, size_t *count) {
  const Completion *one = completion(output, at);
  return listed(one ? &one->token_ids : nullptr, count);
}

proxyfuse_finish proxyfuse_output_finish(const proxyfuse_output *output, size_t at) {
  const Completion *one = completion(output, at);
  return one ? static_cast<proxyfuse_finish>(one->finish_reason) : PROXYFUSE_UNFINISHED;
}

proxyfuse_status proxyfuse_output_stop_token(const proxyfuse_output *output, size_t at,
                                             int32_t *token) {
  if (!output || !token)
    return nothing_given();
  const Completion *one = completion(output, at);
  if (!one || !one->stop_token_id)
    return failed(PROXYFUSE_UNKNOWN, "no stop id ended it");
  *token = *one->stop_token_id;
  return PROXYFUSE_OK;
}

const char *proxyfuse_output_stop_string(const proxyfuse_output *output, size_t at) {
  const Completion *one = completion(output, at);
  return one ? one->stop_string.c_str() : nullptr;
}

proxyfuse_status proxyfuse_output_counts(const proxyfuse_output *output, size_t at,
                                         proxyfuse_counts *counts) {
  if (!output || !counts)
    return nothing_given();
  const Completion *one = completion(output, at);
  if (!one)
    return failed(PROXYFUSE_UNKNOWN, "got no such continuation");
  *counts = {one->base_passes, one->drafted, one->accepted};
  return PROXYFUSE_OK;
}

proxyfuse_status proxyfuse_output_error(const proxyfuse_output *output, size_t at,
                                        const char **message) {
  if (!output || !message)
    return nothing_given();
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
