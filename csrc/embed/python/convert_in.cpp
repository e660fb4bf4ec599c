#include "convert.h"

#include <pybind11/stl.h>

namespace proxyfuse::embed {
namespace {

template <class T>
py::object or_none(const std::optional<T> &value) {
  return value ? py::cast(*value) : py::object(py::none());
}

py::object part_in(const TextOrIds &part) {
  if (const auto *text = std::get_if<std::string>(&part))
    return py::str(*text);
  return py::cast(std::get<std::vector<TokenId>>(part));
}

} // namespace

py::object text_or_none(const std::string &text) {
  return text.empty() ? py::object(py::none()) : py::object(py::str(text));
}

py::dict options_in(const EngineOptions &o) {
  py::dict fields;
  fields["revision"] = text_or_none(o.revision);
  fields["skip_tokenizer_init"] = o.skip_tokenizer_init;
  fields["alpha"] = o.alpha;
  fields["device"] = o.device;
  fields["proxy_device"] = text_or_none(o.proxy_device);
  fields["proxies"] = o.proxies;
  fields["base_quantization"] = text_or_none(o.base_quantization);
  fields["dtype"] = o.dtype;
  fields["max_model_len"] = or_none(o.max_model_len);
  fields["max_num_seqs"] = o.max_num_seqs;
  fields["max_num_batched_tokens"] = o.max_num_batched_tokens;
  fields["page_size"] = o.page_size;
  fields["kv_cache_bytes"] = or_none(o.kv_cache_bytes);
  fields["gpu_memory_utilization"] = o.gpu_memory_utilization;
  fields["enable_prefix_caching"] = o.enable_prefix_caching;
  fields["speculate"] = o.speculate ? py::cast(*o.speculate) : py::object(py::str("auto"));
  fields["seed"] = o.seed;
  fields["enforce_eager"] = o.enforce_eager;
  fields["batch_invariant"] = o.batch_invariant;
  fields["num_threads"] = or_none(o.num_threads);
  return fields;
}

py::object seed_in(const SamplingParams &params) { return or_none(params.seed); }

py::dict params_in(const SamplingParams &p) {
  py::dict fields;
  fields["n"] = p.n;
  fields["temperature"] = p.temperature;
  fields["top_p"] = p.top_p;
  fields["top_k"] = p.top_k;
  fields["min_p"] = p.min_p;
  fields["max_tokens"] = or_none(p.max_tokens);
  fields["min_tokens"] = p.min_tokens;
  fields["stop"] = p.stop;
  fields["stop_token_ids"] = p.stop_token_ids;
  fields["include_stop_str_in_output"] = p.include_stop_str_in_output;
  fields["ignore_eos"] = p.ignore_eos;
  fields["skip_special_tokens"] = p.skip_special_tokens;
  fields["logprobs"] = or_none(p.logprobs);
  fields["prompt_logprobs"] = or_none(p.prompt_logprobs);
  fields["presence_penalty"] = p.presence_penalty;
  fields["frequency_penalty"] = p.frequency_penalty;
  fields["repetition_penalty"] = p.repetition_penalty;
  fields["logit_bias"] = p.logit_bias;
  fields["allowed_token_ids"] = or_none(p.allowed_token_ids);
  fields["alpha"] = or_none(p.alpha);
  return fields;
}

py::list prompt_in(const Prompt &prompt) {
  py::list roles;
  roles.append(part_in(prompt.text_or_ids));
  for (const auto *own : {&prompt.expert, &prompt.antiexpert})
    roles.append(*own ? part_in(**own) : py::object(py::none()));
  return roles;
}

py::list messages_in(const std::vector<Message> &messages) {
  py::list list;
  for (const Message &message : messages) {
    py::dict one;
    one["role"] = message.role;
    one["content"] = message.content;
    list.append(one);
  }
  return list;
}

} // namespace proxyfuse::embed
