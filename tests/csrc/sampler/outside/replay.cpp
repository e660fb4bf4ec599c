// Draws batches that are read from stdin and writes what came of them to stdout, both as plain
// little-endian values in the order in which they are read and written below.
#include <proxyfuse/sampler.h>

#include <cstdio>
#include <cstdlib>
#include <vector>

namespace {

template <class T>
bool read(T *values, std::size_t count) {
  return std::fread(values, sizeof(T), count, stdin) == count;
}

template <class T>
T next() {
  T value;
  if (!read(&value, 1))
    std::abort();
  return value;
}

std::size_t next_size() { return static_cast<std::size_t>(next<std::int64_t>()); }

template <class T>
std::vector<T> run(std::size_t count) {
  std::vector<T> values(count);
  if (!read(values.data(), count))
    std::abort();
  return values;
}

template <class T>
void write(T value) {
  std::fwrite(&value, sizeof value, 1, stdout);
}

// A row and what its views point at.
struct OwnedRow {
  std::vector<std::int32_t> prompt, generated;
  std::vector<proxyfuse::Bias> logit_bias;
  std::vector<std::uint32_t> allowed;

  proxyfuse::SampleRow read() {
    proxyfuse::SampleRow row;
    for (float proxyfuse::SampleRow::*field :
         {&proxyfuse::SampleRow::alpha, &proxyfuse::SampleRow::temperature,
          &proxyfuse::SampleRow::top_p, &proxyfuse::SampleRow::min_p,
          &proxyfuse::SampleRow::repetition_penalty, &proxyfuse::SampleRow::presence_penalty,
          &proxyfuse::SampleRow::frequency_penalty})
      row.*field = next<float>();
    for (std::int32_t proxyfuse::SampleRow::*field :
         {&proxyfuse::SampleRow::top_k, &proxyfuse::SampleRow::stream,
          &proxyfuse::SampleRow::position})
      row.*field = next<std::int32_t>();
    row.seed = next<std::int64_t>();
    if (const auto given = next<std::int32_t>(); given >= 0)
      row.given = given;
    row.prompt = prompt = run<std::int32_t>(next_size());
    row.generated = generated = run<std::int32_t>(next_size());
    row.logit_bias = logit_bias = run<proxyfuse::Bias>(next_size());
    row.allowed = allowed = run<std::uint32_t>(next_size());
    return row;
  }
};

struct Role {
  std::vector<char> bytes;

  proxyfuse::Logits read() {
    proxyfuse::Logits logits;
    logits.type = static_cast<proxyfuse::LogitType>(next<std::int64_t>());
    logits.rows = next_size();
    logits.stride = next_size();
    bytes = run<char>(next_size());
    logits.data = bytes.data();
    return logits;
  }
};

void write(const proxyfuse::Draw &draw) {
  write(draw.token);
  write(static_cast<std::int32_t>(draw.finite));
  write(draw.rank);
  write(draw.logprob);
  write(draw.logsumexp);
  for (const float logprob : draw.role_logprob)
    write(logprob);
  for (const proxyfuse::Candidate &candidate : draw.top)
    write(candidate.id);
  for (const proxyfuse::Candidate &candidate : draw.top)
    write(candidate.logprob);
}

} // namespace

int main() {
  const auto sets = proxyfuse::Sampler::instruction_sets();
  for (std::int64_t vocabulary; read(&vocabulary, 1);) {
    const auto threads = static_cast<int>(next<std::int64_t>());
    const auto &set = sets[next_size() % sets.size()];
    proxyfuse::Sampler sampler(static_cast<std::size_t>(vocabulary), threads, set);
    proxyfuse::SampleReport report;
    report.top = next_size();
    report.rank = report.roles = true;

    Role base, expert, antiexpert;
    proxyfuse::RoleLogits logits;
    logits.base = base.read();
    logits.expert = expert.read();
    logits.antiexpert = antiexpert.read();
    std::vector<OwnedRow> owned(logits.base.rows);
    std::vector<proxyfuse::SampleRow> rows;
    for (OwnedRow &row : owned)
      rows.push_back(row.read());
    for (const proxyfuse::Draw &draw : sampler.sample(logits, rows, report))
      write(draw);
  }
}
