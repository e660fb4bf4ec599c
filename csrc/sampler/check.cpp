#include "check.h"

#include <cmath>
#include <cstdint>
#include <limits>
#include <locale>
#include <sstream>

namespace proxyfuse {
namespace {

template <class Error, class... Words>
[[noreturn]] void refuse(const Words &...words) {
  std::ostringstream text;
  text.imbue(std::locale::classic());
  (text << ... << words);
  throw Error(text.str());
}

std::size_t bytes_of(LogitType type) { return type == LogitType::float32 ? 4 : 2; }

void check_role(const char *role, const Logits &logits, std::size_t vocabulary) {
  if (logits.rows == 0)
    return;
  if (logits.type != LogitType::float32 && logits.type != LogitType::bfloat16 &&
      logits.type != LogitType::float16)
    refuse<LogitsError>(role, ".type: got ", static_cast<int>(logits.type),
                        ", want one of LogitType");
  const std::size_t bytes = bytes_of(logits.type);
  if (logits.data == nullptr)
    refuse<LogitsError>(role, ".data: got null for ", logits.rows, " rows");
  if (reinterpret_cast<std::uintptr_t>(logits.data) % bytes != 0)
    refuse<LogitsError>(role, ".data: got ", logits.data, ", want a multiple of ", bytes);
  if (logits.rows == 1)
    return;
  const std::size_t most = std::numeric_limits<std::ptrdiff_t>::max() / bytes / logits.rows;
  if (logits.stride < vocabulary || logits.stride > most)
    refuse<LogitsError>(role, ".stride: got ", logits.stride, ", want at least the vocabulary's ",
                        vocabulary, " elements and ", logits.rows, " rows that fit into memory");
}

// One row's checks, which all name the row.
class RowCheck {
public:
  RowCheck(const SampleRow &row, std::size_t index, std::size_t vocabulary)
      : row_(row), index_(index), vocabulary_(vocabulary) {}

  void run() const {
    numbers();
    view("prompt", row_.prompt);
    view("generated", row_.generated);
    view("logit_bias", row_.logit_bias);
    for (const Bias &bias : row_.logit_bias)
      want(bias.value < std::numeric_limits<float>::infinity(), "logit_bias", bias.value,
           "finite, or -inf to forbid");
    if (row_.given)
      want(*row_.given >= 0 && static_cast<std::size_t>(*row_.given) < vocabulary_, "given",
           *row_.given, "an id of the vocabulary");
    allowed();
  }

private:
  template <class T>
  void want(bool holds, const char *name, T got, const char *wanted) const {
    if (!holds)
      refuse<ParameterError>("rows[", index_, "].", name, ": got ", got, ", want ", wanted);
  }

  template <class T>
  void view(const char *name, View<T> values) const {
    want(values.empty() || values.data() != nullptr, name, "null", "where the values are");
  }

  void numbers() const {
    want(std::isfinite(row_.alpha), "alpha", row_.alpha, "a finite number");
    want(std::isfinite(row_.temperature) && row_.temperature >= 0, "temperature", row_.temperature,
         "a finite number of at least 0");
    want(row_.top_k >= 0, "top_k", row_.top_k, "at least 0");
    want(row_.top_p > 0 && row_.top_p <= 1, "top_p", row_.top_p, "above 0 and up to 1");
    want(row_.min_p >= 0 && row_.min_p <= 1, "min_p", row_.min_p, "0 to 1");
    want(std::isfinite(row_.repetition_penalty) && row_.repetition_penalty > 0,
         "repetition_penalty", row_.repetition_penalty, "a finite number above 0");
    want(std::isfinite(row_.presence_penalty), "presence_penalty", row_.presence_penalty,
         "a finite number");
    want(std::isfinite(row_.frequency_penalty), "frequency_penalty", row_.frequency_penalty,
         "a finite number");
    want(row_.stream >= 0, "stream", row_.stream, "at least 0");
    want(row_.position >= 0, "position", row_.position, "at least 0");
  }

  void allowed() const {
    if (row_.allowed.empty())
      return;
    view("allowed", row_.allowed);
    const std::size_t words = (vocabulary_ + 31) / 32, tail = vocabulary_ % 32;
    if (row_.allowed.size() != words)
      refuse<ParameterError>("rows[", index_, "].allowed: got ", row_.allowed.size(),
                             " words, want ", words);
    std::uint32_t any = row_.allowed[words - 1] & (tail == 0 ? ~0u : (1u << tail) - 1);
    for (std::size_t i = 0; i + 1 < words && any == 0; ++i)
      any |= row_.allowed[i];
    if (any == 0)
      refuse<NothingAllowedError>("rows[", index_, "].allowed: got a mask that allows none of ",
                                  vocabulary_, " ids, want at least one");
  }

  const SampleRow &row_;
  const std::size_t index_, vocabulary_;
};

} // namespace

bool penalised(const SampleRow &row) {
  return row.repetition_penalty != 1 || row.presence_penalty != 0 || row.frequency_penalty != 0;
}

void check_sampler(std::size_t vocabulary, int threads) {
  if (vocabulary == 0 || vocabulary > kMostIds)
    refuse<ParameterError>("vocabulary: got ", vocabulary, ", want 1 to ", kMostIds);
  if (threads < 1 || threads > kMostThreads)
    refuse<ParameterError>("threads: got ", threads, ", want 1 to ", kMostThreads);
}

void check_logits(const RoleLogits &logits, std::size_t rows, std::size_t vocabulary) {
  const auto &[base, expert, antiexpert] = logits;
  if (base.rows > kMostRows)
    refuse<LogitsError>("base.rows: got ", base.rows, ", want at most ", kMostRows);
  if (expert.rows != antiexpert.rows || expert.rows > base.rows)
    refuse<LogitsError>("rows: got ", base.rows, " of base, ", expert.rows, " of expert, ",
                        antiexpert.rows, " of antiexpert, want base >= expert == antiexpert");
  if (rows != base.rows)
    refuse<LogitsError>("rows: got ", rows, " requests for ", base.rows, " rows of base");
  check_role("base", base, vocabulary);
  check_role("expert", expert, vocabulary);
  check_role("antiexpert", antiexpert, vocabulary);
}

void check_rows(View<SampleRow> rows, std::size_t vocabulary) {
  if (!rows.empty() && rows.data() == nullptr)
    refuse<ParameterError>("rows: got null for ", rows.size(), " rows");
  std::size_t history = 0, bias = 0;
  for (std::size_t s = 0; s < rows.size(); ++s) {
    RowCheck(rows[s], s, vocabulary).run();
    const std::size_t tokens = rows[s].prompt.size() + rows[s].generated.size();
    history += penalised(rows[s]) ? tokens : 0;
    bias += rows[s].logit_bias.size();
    if (history > kMostHistory || bias > kMostHistory)
      refuse<ParameterError>("rows[", s, "]: got ", history, " tokens and ", bias,
                             " biases up to here, want at most ", kMostHistory, " of each");
  }
}

} // namespace proxyfuse
