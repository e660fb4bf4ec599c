// What a request gives back. Names and meanings are those of Python's proxyfuse.RequestOutput.
#pragma once

#include "proxyfuse/errors.h"
#include "proxyfuse/request.h"

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

namespace proxyfuse {

using RequestId = std::uint64_t; // 1, 2, 3, ... within one engine

enum class FinishReason {
  none = 0,   // still being written
  stop = 1,   // a stop string, a stop id, or the models' own end of text
  length = 2, // max_tokens, or the end of the context
  abort = 3,  // cancelled, or the engine was shut down
  error = 4,  // see Completion::error
};

// One token's log-probability under softmax(fused), before any bias, penalty or temperature.
struct Logprob {
  TokenId token_id = 0;
  double logprob = 0.0;
  std::optional<std::int64_t> rank; // 1 is the likeliest
  std::string decoded_token;        // empty where no tokenizer was loaded
  // Under each role alone: known for the chosen token only, and where the role ran.
  std::optional<double> base, expert, antiexpert;
};

using TokenLogprobs = std::vector<Logprob>; // the chosen token first, then the likeliest

// One continuation: whole from a future, only what is new in a callback.
struct Completion {
  std::int64_t index = 0; // which of the n
  std::string text;       // UTF-8, never a part of a character
  std::vector<TokenId> token_ids;
  double cumulative_logprob = 0.0;     // of all tokens so far
  std::vector<TokenLogprobs> logprobs; // one for each of token_ids, if they were asked for
  FinishReason finish_reason = FinishReason::none;
  std::optional<TokenId> stop_token_id; // of stop_token_ids, if one ended it
  std::string stop_string;              // of stop, if one ended it
  ErrorKind error_kind = ErrorKind::none;
  std::string error; // why finish_reason is error
  // Of the whole continuation so far: passes of the base, drafts verified, drafts kept.
  std::int64_t base_passes = 0, drafted = 0, accepted = 0;
};

// A request's continuations in the order of their index. The last output has `finished` set, and
// every request that was accepted has exactly one such, however it ended.
struct PROXYFUSE_API Output {
  RequestId request_id = 0;
  std::vector<Completion> outputs;
  bool finished = false;
  std::vector<TokenId> prompt_token_ids;      // the base's; in the first output of a request
  std::vector<TokenLogprobs> prompt_logprobs; // if asked for; the first token has an empty one

  // Throws the typed error of the first continuation that failed, in the calling thread.
  void check() const;
};

} // namespace proxyfuse
