// A backend without Python: request i's tokens are 0, 1, 2, ..., so that every test knows what it
// must hear. What a test wants to go wrong it says in the prompt.
#include "fake_backend.h"
#include "../../../csrc/embed/backend.h"

#include <map>
#include <thread>

namespace proxyfuse::embed {

struct Backend::Inside {
  struct Running {
    Request request;
    bool streaming;
    Output whole;
  };
  std::map<RequestId, Running> running;
  std::vector<Output> ended;
};

namespace {

Output fresh(RequestId id, std::int64_t n) {
  Output output;
  output.request_id = id;
  output.outputs.resize(static_cast<std::size_t>(n));
  for (std::size_t at = 0; at < output.outputs.size(); ++at)
    output.outputs[at].index = static_cast<std::int64_t>(at);
  return output;
}

void finish(Output &output, FinishReason reason) {
  output.finished = true;
  for (Completion &completion : output.outputs)
    completion.finish_reason = reason;
}

Output talkative(RequestId id) {
  Output output = fresh(id, 2);
  finish(output, FinishReason::stop);
  output.prompt_token_ids = {7, 8};
  Logprob known;
  known.token_id = 8, known.logprob = -2.5, known.base = -3.0, known.decoded_token = "eight";
  output.prompt_logprobs = {{}, {known}};
  output.outputs[0].stop_token_id = 9;
  Completion &second = output.outputs[1];
  second.index = 5, second.stop_string = "END";
  second.base_passes = 3, second.drafted = 6, second.accepted = 4;
  return output;
}

} // namespace

Backend::Backend(const EngineOptions &options, std::function<void()>)
    : inside_(std::make_unique<Inside>()) {
  if (options.base == "missing")
    throw ModelError("missing: no such folder");
  if (options.base == "strange")
    throw std::logic_error("strange");
}

Backend::~Backend() = default;

void Backend::submit(RequestId id, const Request &request, bool streaming) {
  if (const auto *text = std::get_if<std::string>(&request.prompt.text_or_ids)) {
    if (*text == fake::REFUSED)
      throw RequestError("refused");
    if (*text == fake::BROKEN)
      throw std::runtime_error("broken");
    if (*text == fake::TALKATIVE) {
      inside_->ended.push_back(talkative(id));
      return;
    }
  }
  inside_->running[id] = {request, streaming, fresh(id, request.params.n)};
  busy_ = true;
}

void Backend::cancel(RequestId id) {
  const auto found = inside_->running.find(id);
  if (found == inside_->running.end())
    return;
  Output last = found->second.streaming ? fresh(id, found->second.request.params.n)
                                        : std::move(found->second.whole);
  finish(last, FinishReason::abort);
  inside_->ended.push_back(std::move(last));
  inside_->running.erase(found);
}

std::vector<Output> Backend::step() {
  std::vector<Output> outputs = std::exchange(inside_->ended, {});
  for (auto at = inside_->running.begin(); at != inside_->running.end();) {
    auto &[id, one] = *at;
    const auto *text = std::get_if<std::string>(&one.request.prompt.text_or_ids);
    if (text && *text == fake::DEADLY)
      throw std::runtime_error("a step failed");
    Output news = fresh(id, one.request.params.n);
    for (std::size_t index = 0; index < news.outputs.size(); ++index) {
      Completion &whole = one.whole.outputs[index];
      const auto token = static_cast<TokenId>(whole.token_ids.size());
      whole.token_ids.push_back(token);
      whole.text += 'a';
      news.outputs[index].token_ids = {token};
      news.outputs[index].text = "a";
    }
    const auto written = static_cast<std::int64_t>(one.whole.outputs[0].token_ids.size());
    const bool over = written >= one.request.params.max_tokens.value_or(1 << 30);
    if (over) {
      finish(news, FinishReason::length);
      finish(one.whole, FinishReason::length);
    }
    if (one.streaming)
      outputs.push_back(std::move(news));
    else if (over)
      outputs.push_back(std::move(one.whole));
    at = over ? inside_->running.erase(at) : std::next(at);
  }
  busy_ = !inside_->running.empty();
  if (busy_)
    std::this_thread::sleep_for(std::chrono::microseconds(50));
  return outputs;
}

void introduce_threading() {}

LetGo::LetGo() : held_(nullptr) {}
LetGo::~LetGo() { static_cast<void>(held_); }

} // namespace proxyfuse::embed
