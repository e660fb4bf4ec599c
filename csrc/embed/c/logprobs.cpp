// Log-probabilities in the outputs of the C ABI.
#include "handles.h"
#include "status.h"

#include <limits>

using proxyfuse::Logprob;
using proxyfuse::TokenLogprobs;
using proxyfuse::c::failed;

namespace {

using Rows = std::vector<TokenLogprobs>; // one for each token

// Token number `token` of them, or null.
const TokenLogprobs *choices(const Rows *rows, size_t token) {
  return rows && token < rows->size() ? &(*rows)[token] : nullptr;
}

const Rows *rows_of(const proxyfuse_output *output, size_t at) {
  const bool there = output && at < output->fields.outputs.size();
  return there ? &output->fields.outputs[at].logprobs : nullptr;
}

const Rows *prompt_rows(const proxyfuse_output *output) {
  return output ? &output->fields.prompt_logprobs : nullptr;
}

size_t count(const TokenLogprobs *choices) { return choices ? choices->size() : 0; }

double or_nan(const std::optional<double> &value) {
  return value.value_or(std::numeric_limits<double>::quiet_NaN());
}

proxyfuse_status give(const TokenLogprobs *choices, size_t which, proxyfuse_logprob *place) {
  if (!place)
    return failed(PROXYFUSE_REQUEST, "got NULL, want a place for a log-probability");
  if (which >= count(choices))
    return failed(PROXYFUSE_UNKNOWN, "got no such log-probability");
  const Logprob &found = (*choices)[which];
  *place = {found.token_id,
            found.rank.value_or(0),
            found.logprob,
            or_nan(found.base),
            or_nan(found.expert),
            or_nan(found.antiexpert),
            found.decoded_token.c_str()};
  return PROXYFUSE_OK;
}

proxyfuse_status no_output() { return failed(PROXYFUSE_REQUEST, "got NULL, want an output"); }

} // namespace

size_t proxyfuse_output_prompt_logprobs(const proxyfuse_output *output, size_t token) {
  return count(choices(prompt_rows(output), token));
}

proxyfuse_status proxyfuse_output_prompt_logprob(const proxyfuse_output *output, size_t token,
                                                 size_t which, proxyfuse_logprob *logprob) {
  return output ? give(choices(prompt_rows(output), token), which, logprob) : no_output();
}

size_t proxyfuse_output_logprobs(const proxyfuse_output *output, size_t at, size_t token) {
  return count(choices(rows_of(output, at), token));
}

proxyfuse_status proxyfuse_output_logprob(const proxyfuse_output *output, size_t at, size_t token,
                                          size_t which, proxyfuse_logprob *logprob) {
  return output ? give(choices(rows_of(output, at), token), which, logprob) : no_output();
}
