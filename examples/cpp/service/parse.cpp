#include "parse.h"

#include <nlohmann/json.hpp>

#include <cstdint>
#include <limits>
#include <optional>
#include <vector>

using Json = nlohmann::json;

namespace {

constexpr int kDeepest = 4;
constexpr auto kReplace = Json::error_handler_t::replace; // got bytes may be no UTF-8

[[noreturn]] void refuse(const char *name, const Json &got, const char *wanted) {
  const std::string text = got.dump(-1, ' ', false, kReplace);
  throw BadRequest(std::string(name) + ": got " + text.substr(0, 80) + ", want " + wanted);
}

void read(const char *name, const Json &from, double &into) {
  if (!from.is_number())
    refuse(name, from, "a number");
  into = from.get<double>();
}

void read(const char *name, const Json &from, std::int64_t &into) {
  const bool fits = !from.is_number_unsigned() ||
                    from.get<std::uint64_t>() <= std::numeric_limits<std::int64_t>::max();
  if (!from.is_number_integer() || !fits)
    refuse(name, from, "a whole number below 2^63");
  into = from.get<std::int64_t>();
}

void read(const char *name, const Json &from, std::uint64_t &into) {
  if (!from.is_number_unsigned())
    refuse(name, from, "a whole number from 0 to 2^64 - 1");
  into = from.get<std::uint64_t>();
}

void read(const char *name, const Json &from, std::int32_t &into) {
  std::int64_t wide;
  read(name, from, wide);
  if (wide < std::numeric_limits<std::int32_t>::min() ||
      wide > std::numeric_limits<std::int32_t>::max())
    refuse(name, from, "a token id");
  into = static_cast<std::int32_t>(wide);
}

void read(const char *name, const Json &from, bool &into) {
  if (!from.is_boolean())
    refuse(name, from, "true or false");
  into = from.get<bool>();
}

void read(const char *name, const Json &from, std::string &into) {
  if (!from.is_string())
    refuse(name, from, "a string");
  into = from.get<std::string>();
}

void read(const char *name, const Json &from, proxyfuse::Message &into) {
  if (!from.is_object() || from.size() != 2 || !from.contains("role") || !from.contains("content"))
    refuse(name, from, "an object of role and content");
  read("role", from["role"], into.role);
  read("content", from["content"], into.content);
}

template <class T>
void read(const char *name, const Json &from, std::optional<T> &into) {
  T value;
  read(name, from, value);
  into = value;
}

template <class T>
void read(const char *name, const Json &from, std::vector<T> &into) {
  if (!from.is_array())
    refuse(name, from, "a list");
  for (const Json &item : from)
    read(name, item, into.emplace_back());
}

void read(const char *name, const Json &from, proxyfuse::Prompt &into) {
  if (!from.is_array() && !from.is_string())
    refuse(name, from, "text or a list of token ids");
  if (from.is_string())
    into = from.get<std::string>();
  else
    read(name, from, into.text_or_ids.emplace<std::vector<proxyfuse::TokenId>>());
}

// Takes fields out of an object, so that what is left at the end is what nobody knows.
class Fields {
public:
  explicit Fields(Json object) : object_(std::move(object)) {}

  template <class T>
  bool take(const char *name, T &into) {
    const auto found = object_.find(name);
    if (found == object_.end())
      return false;
    read(name, *found, into);
    object_.erase(found);
    return true;
  }

  void end() const {
    if (!object_.empty())
      throw BadRequest("unknown field: " + object_.begin().key());
  }

private:
  Json object_;
};

// What nests deeper than any request would exhaust the stack of whoever prints it.
Json read_json(const std::string &body) {
  const auto shallow = [](int depth, Json::parse_event_t, const Json &) {
    if (depth > kDeepest)
      throw BadRequest("body: got lists in lists, want at most " + std::to_string(kDeepest));
    return true;
  };
  Json json = Json::parse(body, shallow, false);
  if (!json.is_object())
    throw BadRequest("body: got no JSON object");
  return json;
}

} // namespace

proxyfuse::Request parse(const std::string &body) {
  Fields fields(read_json(body));
  proxyfuse::Request request;
  proxyfuse::SamplingParams &params = request.params;
  const bool prompt = fields.take("prompt", request.prompt);
  const bool messages = fields.take("messages", request.messages) && !request.messages.empty();
  if (prompt == messages)
    throw BadRequest("want either prompt or messages");
  fields.take("max_tokens", params.max_tokens);
  fields.take("min_tokens", params.min_tokens);
  fields.take("temperature", params.temperature);
  fields.take("top_p", params.top_p);
  fields.take("top_k", params.top_k);
  fields.take("min_p", params.min_p);
  fields.take("seed", params.seed);
  fields.take("alpha", params.alpha);
  fields.take("stop", params.stop);
  fields.take("stop_token_ids", params.stop_token_ids);
  fields.take("ignore_eos", params.ignore_eos);
  fields.take("presence_penalty", params.presence_penalty);
  fields.take("frequency_penalty", params.frequency_penalty);
  fields.take("repetition_penalty", params.repetition_penalty);
  fields.end();
  return request;
}
