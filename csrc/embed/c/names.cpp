#include "names.h"

#include "proxyfuse/engine_c.h"

namespace proxyfuse::c {
namespace {

void read_speculate(EngineOptions &options, std::string_view text) {
  if (text == PROXYFUSE_SPECULATE_AUTO)
    options.speculate = SPECULATE_AUTO;
  else
    read(text, options.speculate);
}

} // namespace

const Fields<EngineOptions> &option_fields() {
  using O = EngineOptions;
  static const Fields<O> fields = {
      {"base", field(&O::base)},
      {"expert", field(&O::expert)},
      {"antiexpert", field(&O::antiexpert)},
      {"revision", field(&O::revision)},
      {"skip_tokenizer_init", field(&O::skip_tokenizer_init)},
      {"alpha", field(&O::alpha)},
      {"device", field(&O::device)},
      {"proxy_device", field(&O::proxy_device)},
      {"proxies", field(&O::proxies)},
      {"base_quantization", field(&O::base_quantization)},
      {"dtype", field(&O::dtype)},
      {"max_model_len", field(&O::max_model_len)},
      {"max_num_seqs", field(&O::max_num_seqs)},
      {"max_num_batched_tokens", field(&O::max_num_batched_tokens)},
      {"page_size", field(&O::page_size)},
      {"kv_cache_bytes", field(&O::kv_cache_bytes)},
      {"gpu_memory_utilization", field(&O::gpu_memory_utilization)},
      {"enable_prefix_caching", field(&O::enable_prefix_caching)},
      {"speculate", read_speculate},
      {"seed", field(&O::seed)},
      {"enforce_eager", field(&O::enforce_eager)},
      {"batch_invariant", field(&O::batch_invariant)},
      {"num_threads", field(&O::num_threads)},
      {"max_pending", field(&O::max_pending)},
      {"callback_threads", field(&O::callback_threads)},
      {"drain_timeout", field(&O::drain_timeout)},
      {"venv", field(&O::venv)},
      {"python_path", field(&O::python_path)},
      {"verbose", field(&O::verbose)},
  };
  return fields;
}

const Fields<SamplingParams> &param_fields() {
  using P = SamplingParams;
  static const Fields<P> fields = {
      {"n", field(&P::n)},
      {"temperature", field(&P::temperature)},
      {"top_p", field(&P::top_p)},
      {"top_k", field(&P::top_k)},
      {"min_p", field(&P::min_p)},
      {"seed", field(&P::seed)},
      {"max_tokens", field(&P::max_tokens)},
      {"min_tokens", field(&P::min_tokens)},
      {"stop", field(&P::stop)},
      {"stop_token_ids", field(&P::stop_token_ids)},
      {"include_stop_str_in_output", field(&P::include_stop_str_in_output)},
      {"ignore_eos", field(&P::ignore_eos)},
      {"skip_special_tokens", field(&P::skip_special_tokens)},
      {"logprobs", field(&P::logprobs)},
      {"prompt_logprobs", field(&P::prompt_logprobs)},
      {"presence_penalty", field(&P::presence_penalty)},
      {"frequency_penalty", field(&P::frequency_penalty)},
      {"repetition_penalty", field(&P::repetition_penalty)},
      {"logit_bias", field(&P::logit_bias)},
      {"allowed_token_ids", field(&P::allowed_token_ids)},
      {"alpha", field(&P::alpha)},
  };
  return fields;
}

} // namespace proxyfuse::c
