#include "batch.h"

#include <algorithm>
#include <cmath>

namespace proxyfuse {

void Batch::make_room(std::size_t rows, std::size_t top, const SampleReport &report,
                      cpu::SampleResults &results) {
  results.tokens = tokens_.room(rows);
  results.logprobs = logprobs_.room(rows);
  results.logsumexp = logsumexp_.room(rows);
  results.finite = finite_.room(rows);
  results.ranks = report.rank ? ranks_.room(rows) : nullptr;
  results.role_logprobs = report.roles ? role_logprobs_.room(3 * rows) : nullptr;
  results.top_ids = top_ids_.room(rows * top);
  results.top_logprobs = top_logprobs_.room(rows * top);
  results.margins = nullptr;
}

View<Draw> Batch::draws(const cpu::SampleArgs &done) {
  const auto &from = done.results;
  const auto rows = static_cast<std::size_t>(done.rows), top = static_cast<std::size_t>(done.top);
  Draw *draws = draws_.room(rows);
  Candidate *candidates = candidates_.room(rows * top);
  for (std::size_t i = 0; i < rows * top; ++i)
    candidates[i] = {from.top_ids[i], from.top_logprobs[i]};
  for (std::size_t s = 0; s < rows; ++s) {
    Draw &draw = draws[s];
    draw.token = from.tokens[s];
    draw.finite = from.finite[s];
    draw.logprob = from.logprobs[s];
    draw.logsumexp = from.logsumexp[s];
    draw.rank = from.ranks == nullptr ? 0 : from.ranks[s];
    draw.role_logprob.fill(std::nanf(""));
    if (from.role_logprobs != nullptr)
      std::copy_n(from.role_logprobs + 3 * s, 3, draw.role_logprob.begin());
    draw.top = {candidates + s * top, top};
  }
  return {draws, rows};
}

} // namespace proxyfuse
