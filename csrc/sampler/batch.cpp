#include "batch.h"

#include "check.h"

#include <algorithm>
#include <iterator>

namespace proxyfuse {
namespace {

constexpr float SampleRow::*kFloats[] = {
    &SampleRow::alpha,
    &SampleRow::temperature,
    &SampleRow::top_p,
    &SampleRow::min_p,
    &SampleRow::repetition_penalty,
    &SampleRow::presence_penalty,
    &SampleRow::frequency_penalty,
};
constexpr std::int32_t SampleRow::*kInts[] = {
    &SampleRow::top_k,
    &SampleRow::stream,
    &SampleRow::position,
};

// [fields, rows]
template <class T, std::size_t fields>
T *columns(Column<T> &column, T SampleRow::*const (&names)[fields], View<SampleRow> rows) {
  T *const first = column.room(fields * rows.size()), *out = first;
  for (const auto name : names)
    for (const SampleRow &row : rows)
      *out++ = row.*name;
  return first;
}

cpu::Logits native(const Logits &logits) {
  const auto type = logits.type == LogitType::float32    ? cpu::DType::f32
                    : logits.type == LogitType::bfloat16 ? cpu::DType::bf16
                                                         : cpu::DType::f16;
  return {logits.data, static_cast<std::int64_t>(logits.stride), type};
}

} // namespace

Batch::Batch(std::size_t vocabulary) : vocabulary_(vocabulary) {}

cpu::SampleArgs Batch::load(const RoleLogits &logits, View<SampleRow> rows,
                            const SampleReport &report) {
  const std::size_t top = std::min(report.top, vocabulary_);
  cpu::SampleArgs args{};
  args.logits[0] = native(logits.base);
  args.logits[1] = native(logits.expert);
  args.logits[2] = native(logits.antiexpert);
  args.rows = static_cast<std::int64_t>(rows.size());
  args.proxied = static_cast<std::int64_t>(logits.expert.rows);
  args.vocab = static_cast<std::int64_t>(vocabulary_);
  args.top = static_cast<std::int64_t>(top);
  load_numbers(rows, args.requests);
  load_histories(rows, args.requests);
  load_biases(rows, args.requests);
  load_masks(rows, args.requests);
  load_given(rows, args.requests);
  make_room(rows.size(), top, report, args.results);
  return args;
}

void Batch::load_numbers(View<SampleRow> rows, cpu::SampleRequests &requests) {
  const std::size_t n = rows.size();
  const float *floats = columns(floats_, kFloats, rows);
  requests.alpha = floats;
  requests.temperature = floats + n;
  requests.top_p = floats + 2 * n;
  requests.min_p = floats + 3 * n;
  requests.repetition = floats + 4 * n;
  requests.presence = floats + 5 * n;
  requests.frequency = floats + 6 * n;
  const std::int32_t *ints = columns(ints_, kInts, rows);
  requests.top_k = ints;
  requests.stream = ints + n;
  requests.position = ints + 2 * n;
  constexpr std::int64_t SampleRow::*seed[] = {&SampleRow::seed};
  requests.seed = columns(seeds_, seed, rows);
}

// Only of rows whose history counts: it may be long.
void Batch::load_histories(View<SampleRow> rows, cpu::SampleRequests &requests) {
  std::size_t total = 0;
  for (const SampleRow &row : rows)
    total += penalised(row) ? row.prompt.size() + row.generated.size() : 0;
  std::int32_t *const history = history_.room(total), *next = history;
  std::int32_t *spans = spans_.room(3 * rows.size());
  requests.history = history;
  requests.history_start = spans;
  requests.history_split = spans + rows.size();
  requests.history_end = spans + 2 * rows.size();
  for (const SampleRow &row : rows) {
    const bool counts = penalised(row);
    spans[0] = static_cast<std::int32_t>(next - history);
    if (counts)
      next = std::copy(row.prompt.begin(), row.prompt.end(), next);
    spans[rows.size()] = static_cast<std::int32_t>(next - history);
    if (counts)
      next = std::copy(row.generated.begin(), row.generated.end(), next);
    spans[2 * rows.size()] = static_cast<std::int32_t>(next - history);
    ++spans;
  }
}

void Batch::load_biases(View<SampleRow> rows, cpu::SampleRequests &requests) {
  std::int32_t *starts = bias_spans_.room(rows.size() + 1);
  std::int32_t total = 0;
  for (std::size_t s = 0; s < rows.size(); ++s) {
    starts[s] = total;
    total += static_cast<std::int32_t>(rows[s].logit_bias.size());
  }
  starts[rows.size()] = total;
  std::int32_t *ids = bias_ids_.room(static_cast<std::size_t>(total));
  float *values = bias_values_.room(static_cast<std::size_t>(total));
  requests.bias_ids = ids;
  requests.bias_values = values;
  requests.bias_start = starts;
  for (const SampleRow &row : rows)
    for (const Bias &bias : row.logit_bias) {
      *ids++ = bias.id;
      *values++ = bias.value;
    }
}

// Mask 0 allows everything; neighbours with one mask in common share its copy.
void Batch::load_masks(View<SampleRow> rows, cpu::SampleRequests &requests) {
  const std::size_t words = (vocabulary_ + 31) / 32;
  std::int32_t *which = mask_rows_.room(rows.size());
  const std::uint32_t *last = nullptr;
  std::int32_t masks = 0;
  for (std::size_t s = 0; s < rows.size(); ++s) {
    const View<std::uint32_t> allowed = rows[s].allowed;
    if (!allowed.empty() && allowed.data() != last) {
      last = allowed.data();
      ++masks;
    }
    which[s] = allowed.empty() ? 0 : masks;
  }
  if (masks == 0)
    return;
  std::int32_t *copies = masks_.room((static_cast<std::size_t>(masks) + 1) * words);
  std::fill(copies, copies + words, -1);
  for (std::size_t s = 0; s < rows.size(); ++s)
    std::copy(rows[s].allowed.begin(), rows[s].allowed.end(),
              copies + static_cast<std::size_t>(which[s]) * words);
  requests.allowed = copies;
  requests.allowed_row = which;
  requests.allowed_stride = static_cast<std::int64_t>(words);
}

void Batch::load_given(View<SampleRow> rows, cpu::SampleRequests &requests) {
  if (std::none_of(rows.begin(), rows.end(), [](const SampleRow &row) { return row.given; }))
    return;
  std::int32_t *given = given_.room(rows.size());
  bool *is_given = is_given_.room(rows.size());
  for (std::size_t s = 0; s < rows.size(); ++s) {
    given[s] = rows[s].given.value_or(0);
    is_given[s] = rows[s].given.has_value();
  }
  requests.given = given;
  requests.is_given = is_given;
}

} // namespace proxyfuse
