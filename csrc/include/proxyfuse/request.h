// What a program may ask of one request. Names, defaults and meanings are those of Python's
// proxyfuse.SamplingParams and proxyfuse.Prompt.
#pragma once

#include "proxyfuse/export.h"

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <utility>
#include <variant>
#include <vector>

namespace proxyfuse {

using TokenId = std::int32_t;
using TextOrIds = std::variant<std::string, std::vector<TokenId>>; // text is UTF-8

// How to write one request's continuations. Applied in this order: fuse, logit_bias and
// min_tokens, repetition / presence / frequency penalties, allowed_token_ids, temperature, top_k,
// top_p, min_p, draw.
struct SamplingParams {
  std::int64_t n = 1;                          // continuations, 1 to 1024
  double temperature = 1.0;                    // at least 0, which is greedy
  double top_p = 1.0;                          // more than 0, at most 1
  std::int64_t top_k = 0;                      // 0 (or -1): all tokens; less than 2^31
  double min_p = 0.0;                          // 0 to 1
  std::optional<std::uint64_t> seed;           // none: drawn from the engine's own, by arrival
  std::optional<std::int64_t> max_tokens = 16; // at least 1; none: up to the context's end
  std::int64_t min_tokens = 0;                 // 0 to max_tokens
  std::vector<std::string> stop;               // strings that end the text, none of them empty
  std::vector<TokenId> stop_token_ids;
  bool include_stop_str_in_output = false;
  bool ignore_eos = false;
  bool skip_special_tokens = true;
  std::optional<std::int64_t> logprobs;        // 0 to 1000: the drawn token's, and the likeliest
  std::optional<std::int64_t> prompt_logprobs; // the same for the prompt's own tokens
  double presence_penalty = 0.0;               // -100 to 100
  double frequency_penalty = 0.0;              // -100 to 100
  double repetition_penalty = 1.0;             // more than 0, at most 100
  std::map<TokenId, double> logit_bias;
  std::optional<std::vector<TokenId>> allowed_token_ids; // none: all; never empty
  std::optional<double> alpha;                           // none: the engine's own
};

// Throws RequestError naming the first field that is out of range, what it is and what is wanted.
PROXYFUSE_API void check(const SamplingParams &params);

// One prompt, with another text or other ids for a role that should see something else. A role
// that is not named sees `text_or_ids`, like the base. The three share the continuation.
struct Prompt {
  Prompt() = default;
  Prompt(const char *text) : text_or_ids(std::string(text)) {}
  Prompt(std::string text) : text_or_ids(std::move(text)) {}
  Prompt(std::vector<TokenId> ids) : text_or_ids(std::move(ids)) {}

  TextOrIds text_or_ids;
  std::optional<TextOrIds> expert;
  std::optional<TextOrIds> antiexpert;
};

// One message of a conversation: role is "system", "user" or "assistant".
struct Message {
  std::string role;
  std::string content;
};

// `prompt`, or a conversation, which each role of the trio sees through its own chat template.
struct Request {
  Prompt prompt;
  SamplingParams params{};         // braces, so that compilers let callers leave these out
  std::vector<Message> messages{}; // used instead of the prompt unless empty
};

} // namespace proxyfuse
