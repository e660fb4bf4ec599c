#include "check.h"
#include "range.h"
#include "utf8.h"

#include <algorithm>

namespace proxyfuse {
namespace {

using embed::FLOAT32_MOST;

void check_ids(const char *name, const std::vector<TokenId> &ids) {
  for (const TokenId id : ids)
    embed::want<RequestError>(id >= 0, name, id, "ids from 0");
}

void check_utf8(const char *name, const std::string &text) {
  if (const auto at = embed::first_broken(text))
    throw RequestError(std::string(name) + ": got bytes that are no UTF-8 at " + embed::shown(*at) +
                       ", want UTF-8");
}

void check_shape(const SamplingParams &p) {
  embed::want_number<RequestError>("temperature", p.temperature, 0, FLOAT32_MOST);
  embed::want_positive<RequestError>("top_p", p.top_p, 1);
  embed::want_whole<RequestError>("top_k", p.top_k, -1, (std::int64_t{1} << 31) - 1);
  embed::want_number<RequestError>("min_p", p.min_p, 0, 1);
  embed::want_number<RequestError>("presence_penalty", p.presence_penalty, -100, 100);
  embed::want_number<RequestError>("frequency_penalty", p.frequency_penalty, -100, 100);
  embed::want_positive<RequestError>("repetition_penalty", p.repetition_penalty, 100);
  if (p.alpha)
    embed::want_number<RequestError>("alpha", *p.alpha, -FLOAT32_MOST, FLOAT32_MOST);
  for (const auto &[id, bias] : p.logit_bias) {
    embed::want<RequestError>(id >= 0, "logit_bias", id, "ids from 0");
    embed::want_number<RequestError>("logit_bias", bias, -FLOAT32_MOST, FLOAT32_MOST);
  }
  if (p.allowed_token_ids) {
    embed::want<RequestError>(!p.allowed_token_ids->empty(), "allowed_token_ids", "no id",
                              "at least one, or none at all for every id");
    check_ids("allowed_token_ids", *p.allowed_token_ids);
  }
}

void check_length(const SamplingParams &p) {
  constexpr std::int64_t most = std::numeric_limits<std::int64_t>::max();
  embed::want_whole<RequestError>("n", p.n, 1, 1024);
  embed::want_whole<RequestError>("max_tokens", p.max_tokens, 1, most);
  embed::want_whole<RequestError>("min_tokens", p.min_tokens, 0, p.max_tokens.value_or(most));
  embed::want_whole<RequestError>("logprobs", p.logprobs, 0, 1000);
  embed::want_whole<RequestError>("prompt_logprobs", p.prompt_logprobs, 0, 1000);
  for (const std::string &text : p.stop) {
    embed::want<RequestError>(!text.empty(), "stop", "an empty string", "strings that can occur");
    check_utf8("stop", text);
  }
  check_ids("stop_token_ids", p.stop_token_ids);
}

void check_part(const char *name, const TextOrIds &part) {
  if (const auto *text = std::get_if<std::string>(&part))
    check_utf8(name, *text);
  else
    check_ids(name, std::get<std::vector<TokenId>>(part));
}

} // namespace

void check(const SamplingParams &params) {
  check_length(params);
  check_shape(params);
}

void embed::check(const Request &request) {
  proxyfuse::check(request.params);
  for (const Message &message : request.messages) {
    check_utf8("a message's role", message.role);
    check_utf8("a message's content", message.content);
  }
  check_part("base prompt", request.prompt.text_or_ids);
  if (request.prompt.expert)
    check_part("expert prompt", *request.prompt.expert);
  if (request.prompt.antiexpert)
    check_part("antiexpert prompt", *request.prompt.antiexpert);
}

} // namespace proxyfuse
