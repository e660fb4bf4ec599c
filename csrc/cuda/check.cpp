#include "check.h"

#include <initializer_list>

namespace proxyfuse::cuda {
namespace {

void want(bool holds, const std::string &what, const std::string &got, const std::string &wanted) {
  if (!holds)
    throw ParameterError(what + ": got " + got + ", want " + wanted);
}

void all_or_none(const char *what, std::initializer_list<const void *> pointers) {
  std::size_t there = 0;
  for (const void *pointer : pointers)
    there += pointer != nullptr;
  want(there == 0 || there == pointers.size(), what,
       std::to_string(pointers.size() - there) + " null of " + std::to_string(pointers.size()),
       "all or none");
}

} // namespace

void check_sampler(std::size_t vocabulary, std::size_t rows) {
  want(vocabulary >= 1 && vocabulary <= kMostIds, "vocabulary", std::to_string(vocabulary),
       "1 to " + std::to_string(kMostIds));
  want(rows >= 1 && rows <= kMostRows, "rows", std::to_string(rows),
       "1 to " + std::to_string(kMostRows));
}

void check_columns(const DeviceRows &rows) {
  all_or_none("rows.history, _start, _split, _end",
              {rows.history, rows.history_start, rows.history_split, rows.history_end});
  all_or_none("rows.bias_ids, _start, _values", {rows.bias_ids, rows.bias_start, rows.bias_values});
  all_or_none("rows.allowed, allowed_row", {rows.allowed, rows.allowed_row});
  all_or_none("rows.given, is_given", {rows.given, rows.is_given});
}

void check_draws(const DeviceDraws &draws, const SampleReport &widest) {
  want(draws.tokens != nullptr, "draws.tokens", "null", "room for a token a row");
  all_or_none("draws.top_ids, top_logprobs", {draws.top_ids, draws.top_logprobs});
  want((draws.top > 0) == (draws.top_ids != nullptr), "draws.top", std::to_string(draws.top),
       draws.top > 0 ? "room in top_ids" : "above 0, for there is room in top_ids");
  want(draws.top <= widest.top, "draws.top", std::to_string(draws.top),
       "at most the " + std::to_string(widest.top) + " that the sampler was made for");
  want(draws.ranks == nullptr || widest.rank, "draws.ranks", "a pointer",
       "null, or a sampler that was made for ranks");
  want(draws.role_logprobs == nullptr || widest.roles, "draws.role_logprobs", "a pointer",
       "null, or a sampler that was made for roles");
}

} // namespace proxyfuse::cuda
