#include "check.h"
#include "range.h"
#include "utf8.h"

#include <algorithm>
#include <array>

namespace proxyfuse::embed {
namespace {

constexpr std::int64_t MOST_BYTES = std::numeric_limits<std::int64_t>::max();
constexpr std::int64_t MOST_POSITIONS = std::numeric_limits<std::int32_t>::max();

void check_models(const EngineOptions &options) {
  want<ConfigError>(!options.base.empty(), "base", "nothing", "a folder or a hub name");
  if (options.expert.empty() != options.antiexpert.empty())
    throw ConfigError("got expert=\"" + options.expert + "\" and antiexpert=\"" +
                      options.antiexpert + "\", want both or none");
}

void check_text(const char *name, const std::string &text) {
  want<ConfigError>(text.find('\0') == std::string::npos, name, "a zero byte", "text without one");
  want<ConfigError>(!first_broken(text), name, "bytes that are no UTF-8", "UTF-8");
}

void check_texts(const EngineOptions &o) {
  check_text("base", o.base);
  check_text("expert", o.expert);
  check_text("antiexpert", o.antiexpert);
  check_text("revision", o.revision);
  check_text("device", o.device);
  check_text("proxy_device", o.proxy_device);
  check_text("venv", o.venv);
  for (const std::string &folder : o.python_path)
    check_text("python_path", folder);
}

template <std::size_t N>
bool one_of(const std::array<const char *, N> &words, const std::string &text) {
  return std::any_of(words.begin(), words.end(), [&](const char *word) { return text == word; });
}

} // namespace

void check(const EngineOptions &o) {
  check_models(o);
  constexpr std::array<const char *, 4> dtypes = {"auto", "float32", "bfloat16", "float16"};
  want<ConfigError>(one_of(dtypes, o.dtype), "dtype", o.dtype,
                    "auto, float32, bfloat16 or float16");
  constexpr std::array<const char *, 3> forms = {"streams", "grouped", "auto"};
  want<ConfigError>(one_of(forms, o.proxies), "proxies", o.proxies, "streams, grouped or auto");
  want<ConfigError>(o.base_quantization.empty() || o.base_quantization == "fp8",
                    "base_quantization", o.base_quantization, "fp8, or none");
  check_texts(o);
  want_number<ConfigError>("alpha", o.alpha, -FLOAT32_MOST, FLOAT32_MOST);
  want_whole<ConfigError>("max_model_len", o.max_model_len, 2, MOST_POSITIONS);
  want_whole<ConfigError>("max_num_seqs", o.max_num_seqs, 1, 1 << 16);
  want_whole<ConfigError>("max_num_batched_tokens", o.max_num_batched_tokens, 1, 1 << 20);
  want_whole<ConfigError>("page_size", o.page_size, 1, 1 << 16);
  want_whole<ConfigError>("kv_cache_bytes", o.kv_cache_bytes, 1, MOST_BYTES);
  want_positive<ConfigError>("gpu_memory_utilization", o.gpu_memory_utilization, 1);
  want_whole<ConfigError>("speculate", o.speculate, 0, 64);
  want_whole<ConfigError>("num_threads", o.num_threads, 1, 1024);
  want<ConfigError>(o.max_pending >= 1, "max_pending", o.max_pending, "at least 1");
  want<ConfigError>(o.callback_threads >= 1 && o.callback_threads <= 1024, "callback_threads",
                    o.callback_threads, "a whole number from 1 to 1024");
  want<ConfigError>(o.drain_timeout.count() >= 0, "drain_timeout", o.drain_timeout.count(),
                    "at least 0 milliseconds");
}

} // namespace proxyfuse::embed
