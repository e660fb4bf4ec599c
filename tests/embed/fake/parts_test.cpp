// Joining outputs, UTF-8, and what every kind of error is thrown as.
#include "../traffic.h"
#include "desk.h"
#include "join.h"
#include "utf8.h"

using namespace proxyfuse;

namespace {

Completion piece(std::int64_t index, const std::string &text, std::vector<TokenId> ids) {
  Completion one;
  one.index = index;
  one.text = text;
  one.token_ids = std::move(ids);
  one.cumulative_logprob = -static_cast<double>(one.token_ids.size());
  return one;
}

void joining() {
  Output into, more;
  into.outputs = {piece(0, "ab", {1, 2})};
  into.prompt_token_ids = {9};
  more.request_id = 5;
  more.finished = true;
  more.outputs = {piece(0, "c", {3, 4, 5}), piece(1, "d", {6})};
  more.outputs[0].finish_reason = FinishReason::stop;
  more.outputs[0].logprobs = {{}, {}, {}};
  embed::join(into, std::move(more));
  EXPECT(into.request_id == 5 && into.finished && into.outputs.size() == 2);
  const Completion &first = into.outputs[0];
  EXPECT(first.text == "abc" && (first.token_ids == std::vector<TokenId>{1, 2, 3, 4, 5}));
  EXPECT(first.finish_reason == FinishReason::stop && first.cumulative_logprob == -3.0);
  EXPECT(first.logprobs.size() == 3 && into.prompt_token_ids.size() == 1);
  EXPECT(into.outputs[1].text == "d");
  Output last;
  last.outputs = {piece(2, "z", {3})};
  embed::join(last, std::move(into)); // earlier ones come later
  EXPECT(last.outputs.size() == 3 && last.outputs[0].text == "abc" && last.outputs[2].text == "z");
}

void utf8() {
  for (const char *good : {"", "a", "\x7f", "\xc2\x80", "\xe0\xa0\x80", "\xed\x9f\xbf",
                           "\xee\x80\x80", "\xf0\x90\x80\x80", "\xf4\x8f\xbf\xbf"})
    EXPECT(!embed::first_broken(good));
  for (const char *bad :
       {"\x80", "\xbf", "\xc1\xbf", "\xc2", "\xc2g", "\xe0\x9f\xbf", "\xe0\xa0", "\xed\xa0\x80",
        "\xf0\x8f\xbf\xbf", "\xf4\x90\x80\x80", "\xf5\x80\x80\x80", "\xff", "\xf0\x90\x80"})
    EXPECT(embed::first_broken(bad) == 0u);
  EXPECT(embed::first_broken("ab\xc3\xa9\xff") == 4u);
}

template <class Error>
void kind(ErrorKind kind) {
  EXPECT(throws<Error>([&] { raise(kind, "why"); }));
  EXPECT(throws<ProxyFuseError>([&] { raise(kind, "why"); }));
  try {
    raise(kind, "why");
  } catch (const ProxyFuseError &error) {
    EXPECT(error.kind() == kind && std::string(error.what()) == "why");
  }
}

void kinds() {
  kind<ConfigError>(ErrorKind::config);
  kind<RequestError>(ErrorKind::request);
  kind<ModelError>(ErrorKind::model);
  kind<WeightsError>(ErrorKind::weights);
  kind<TokenizerError>(ErrorKind::tokenizer);
  kind<VocabularyError>(ErrorKind::vocabulary);
  kind<MemoryBudgetError>(ErrorKind::memory_budget);
  kind<NonFiniteError>(ErrorKind::non_finite);
  kind<EngineError>(ErrorKind::engine);
  kind<EnvironmentError>(ErrorKind::environment);
  kind<QueueFullError>(ErrorKind::queue_full);
  kind<CallbackError>(ErrorKind::callback);
  EXPECT(throws<TokenizerError>([] { throw VocabularyError("a child"); }));
  EXPECT(throws<ModelError>([] { throw WeightsError("a child"); }));
  Output output;
  output.outputs.resize(2);
  output.check();
  embed::fail(output, ErrorKind::non_finite, "NaN");
  EXPECT(throws<NonFiniteError>([&] { output.check(); }));
}

// Who cancels in a loop while a step is long must not make the engine's list grow.
void cancelling_again() {
  embed::Desk desk(4);
  const auto id = desk.accept(asking("x", 1), [](const Output &) {}, true).value();
  for (int at = 0; at < 1000; ++at)
    EXPECT(desk.cancel(id));
  EXPECT((desk.take(true).cancelled == std::vector<RequestId>{id}));
  EXPECT(desk.cancel(id) && desk.take(true).cancelled.empty());
}

} // namespace

int main(int argc, char **argv) {
  return run({{"joining", joining},
              {"utf8", utf8},
              {"cancelling_again", cancelling_again},
              {"kinds", kinds}},
             argc, argv);
}
