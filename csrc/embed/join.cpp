#include "join.h"

#include <algorithm>
#include <iterator>

namespace proxyfuse::embed {
namespace {

template <class T>
void append(std::vector<T> &into, std::vector<T> &&more) {
  if (into.empty())
    into = std::move(more);
  else
    std::move(more.begin(), more.end(), std::back_inserter(into));
}

// Text and tokens are added; what says how far it is, is the later one's.
void join(Completion &into, Completion &&more) {
  into.text += more.text;
  append(into.token_ids, std::move(more.token_ids));
  append(into.logprobs, std::move(more.logprobs));
  more.text = std::move(into.text);
  more.token_ids = std::move(into.token_ids);
  more.logprobs = std::move(into.logprobs);
  into = std::move(more);
}

} // namespace

void join(Output &into, Output &&more) {
  into.request_id = more.request_id;
  into.finished = into.finished || more.finished;
  append(into.prompt_token_ids, std::move(more.prompt_token_ids));
  append(into.prompt_logprobs, std::move(more.prompt_logprobs));
  for (Completion &completion : more.outputs) {
    const auto known = std::lower_bound(
        into.outputs.begin(), into.outputs.end(), completion.index,
        [](const Completion &one, std::int64_t index) { return one.index < index; });
    if (known == into.outputs.end() || known->index != completion.index)
      into.outputs.insert(known, std::move(completion));
    else
      join(*known, std::move(completion));
  }
}

Output last_output(RequestId id, std::int64_t n, FinishReason reason, ErrorKind kind,
                   const std::string &why) {
  Output output;
  output.request_id = id;
  output.finished = true;
  output.outputs.resize(static_cast<std::size_t>(n));
  for (std::size_t at = 0; at < output.outputs.size(); ++at) {
    Completion &completion = output.outputs[at];
    completion.index = static_cast<std::int64_t>(at);
    completion.finish_reason = reason;
    completion.error_kind = kind;
    completion.error = why;
  }
  return output;
}

void fail(Output &last, ErrorKind kind, const std::string &why) {
  for (Completion &completion : last.outputs) {
    completion.finish_reason = FinishReason::error;
    completion.error_kind = kind;
    completion.error = why;
  }
}

} // namespace proxyfuse::embed
