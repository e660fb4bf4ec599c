// What a row's team does once the row has been read: filter, and write the row's results.
#pragma once

#include "filter.cuh"

namespace proxyfuse::cuda {

// The logits of one id in the three roles, and fused.
struct Picked {
  float role[3] = {NAN, NAN, NAN}, fused;

  __device__ Picked(const Row &row, int id, bool roles) {
    const bool proxies = row.alpha != 0 || (roles && row.proxied());
    for (int i = 0; i < (proxies ? 3 : 1); ++i)
      role[i] = logit(row.args.logits[i], row.s, id);
    fused = fuse(role[0], role[1], role[2], row.alpha);
  }
};

// log(exp(x) / sum), the sum's log kept in two parts.
__device__ inline float logprob_of(float x, const LogSum &sum) {
  return (x - sum.largest) - log_of(sum.sum);
}

template <class T>
__device__ inline void store(T *column, std::int64_t s, T value) {
  if (column != nullptr)
    column[s] = value;
}

// One thread. A row with nothing to draw from: token 0, not finite, NaN in place of numbers.
__device__ inline void write_nothing(const DeviceDraws &out, std::int64_t s) {
  out.tokens[s] = 0;
  store(out.finite, s, false);
  store(out.logprobs, s, NAN);
  store(out.logsumexp, s, NAN);
  store(out.ranks, s, 0);
  for (int role = 0; role < 3; ++role)
    store(out.role_logprobs, 3 * s + role, NAN);
  const auto top = static_cast<std::int64_t>(out.top);
  for (std::int64_t i = s * top; i < (s + 1) * top; ++i) {
    out.top_ids[i] = 0;
    out.top_logprobs[i] = NAN;
  }
}

// One thread.
__device__ inline void write_draw(const Row &row, const Record &found, int token,
                                  const Picked &picked) {
  const DeviceDraws &out = row.args.draws;
  out.tokens[row.s] = token;
  store(out.finite, row.s, true);
  store(out.logprobs, row.s, logprob_of(picked.fused, found.sums[0]));
  store(out.logsumexp, row.s, found.sums[0].largest + log_of(found.sums[0].sum));
  if (out.role_logprobs == nullptr)
    return;
  for (int i = 0; i < 3; ++i)
    out.role_logprobs[3 * row.s + i] = logprob_of(picked.role[i], found.sums[1 + i]);
}

// Likeliest first, one after the other.
template <bool clustered>
__device__ void write_top(Team<clustered> &team, const Row &row, const LogSum &sum, bool writes) {
  const DeviceDraws &out = row.args.draws;
  const auto top = static_cast<std::int64_t>(out.top);
  Best last{INFINITY, -1, INFINITY};
  for (std::int64_t i = 0; i < top; ++i) {
    Best next;
    each(team, team.fused, [&](float x, int id) {
      if (x < last.score || (x == last.score && id > last.id))
        next = Better()(next, {x, id, x});
    });
    last = team.reduce(next, Better());
    if (!writes)
      continue;
    out.top_ids[row.s * top + i] = last.id;
    out.top_logprobs[row.s * top + i] = logprob_of(last.score, sum);
  }
}

// What comes of a row that is not given its token. Without `filters`, no row of the launch has any.
template <bool filters, bool clustered>
__device__ Best drawn(Team<clustered> &team, const Row &row, const Record &found) {
  if constexpr (filters)
    if (row.filtered())
      return draw_kept(team, row, found.best, found.most);
  return found.best;
}

// found: of the whole row, the same in all threads of the team.
template <bool filters, bool clustered>
__device__ void settle(Team<clustered> &team, const Row &row, const Record &found) {
  const DeviceDraws &out = row.args.draws;
  const bool writes = team.rank == 0 && threadIdx.x == 0;
  int token = row.args.vocab;
  const bool finite = found.sums[0].sum == found.sums[0].sum;
  if (finite && row.given()) {
    token = row.args.columns.given[row.s];
  } else if (finite && !found.broken) {
    const Best best = drawn<filters>(team, row, found);
    token = best.score > -INFINITY ? best.id : token;
  }
  if (token < 0 || token >= row.args.vocab) {
    if (writes)
      write_nothing(out, row.s);
    return;
  }
  const Picked picked(row, token, out.role_logprobs != nullptr);
  if (writes)
    write_draw(row, found, token, picked);
  if (out.ranks != nullptr) {
    const int larger = count_above(team, team.fused, picked.fused, false);
    if (writes)
      out.ranks[row.s] = 1 + larger;
  }
  write_top(team, row, found.sums[0], writes);
}

} // namespace proxyfuse::cuda
