#include "sample/settle.h"

namespace proxyfuse::cpu::PROXYFUSE_ISA {
namespace {

int64_t part_count(const SampleArgs &args) { return (args.vocab + kSamplePart - 1) / kSamplePart; }

int64_t part_size(const SampleArgs &args, int64_t p) {
  const int64_t rest = args.vocab - p * kSamplePart;
  return rest < kSamplePart ? rest : kSamplePart;
}

Stream stream_of(const Row &row) {
  const auto &r = row.args.requests;
  return {static_cast<uint64_t>(r.seed[row.s]), static_cast<uint32_t>(r.stream[row.s]),
          static_cast<uint32_t>(r.position[row.s])};
}

template <bool next>
Best best_of(const Row &row, const SampleKept &kept, const float *scaled, int32_t begin,
             int64_t n) {
  Best best;
  if (row.greedy())
    argmax<next>(scaled, n, begin, best);
  else
    draw<next>(stream_of(row), kept, scaled, n, begin, best);
  return best;
}

void draw_part(const Row &row, const SampleKept &kept, const float *scaled, int64_t begin,
               int64_t n, SamplePart &part) {
  const auto find = row.args.results.margins == nullptr ? best_of<false> : best_of<true>;
  const Best best = find(row, kept, scaled, static_cast<int32_t>(begin), n);
  part.best = best.value;
  part.best_id = best.id;
  part.next = best.next;
}

// The first pass over a stretch: all there is to do, unless the draw must see the whole row first.
// `row_scratch` belongs to the row, `mine` to the thread.
void first_pass(const Row &row, int64_t p, SampleScratch &row_scratch, SampleScratch &mine) {
  const SampleArgs &args = row.args;
  const int64_t begin = p * kSamplePart, n = part_size(args, p);
  float *spare = mine.part.get() + kSamplePart;
  float *fused = row.fused_kept() ? row_scratch.fused.get() + begin : mine.part.get();
  SamplePart &part = row_scratch.parts[p];
  part.best_id = -1;

  fuse(row, begin, n, fused, spare);
  part.largest[0] = largest_of(fused, n, part.finite);
  if (row.summed())
    part.sum[0] = sum_exp(fused, n, part.largest[0]);
  const int roles = args.results.role_logprobs == nullptr ? 0 : row.proxied() ? 3 : 1;
  for (int i = 0; i < roles; ++i) {
    bool finite;
    widen_row(args.logits[i], row.s, begin, n, spare);
    part.largest[1 + i] = largest_of(spare, n, finite);
    const float sum = sum_exp(spare, n, part.largest[1 + i]);
    part.sum[1 + i] = finite ? sum : std::numeric_limits<float>::quiet_NaN();
  }
  if (row.given())
    return;
  float *scaled = row.settled_late() ? row_scratch.scaled.get() + begin : spare;
  temper(row, begin, n, fused, scaled);
  if (!row.settled_late() && part.finite)
    draw_part(row, SampleKept{}, scaled, begin, n, part);
}

bool all_finite(const SampleScratch &scratch, int64_t parts) {
  for (int64_t p = 0; p < parts; ++p)
    if (!scratch.parts[p].finite)
      return false;
  return true;
}

SampleKept settle(const Row &row, SampleScratch &scratch) {
  if (row.edited())
    edit(row, scratch.scaled.get(), scratch);
  return row.filtered() ? filter(row, scratch.scaled.get(), scratch) : SampleKept{};
}

void second_pass(const Row &row, const SampleKept &kept, int64_t p, SampleScratch &scratch) {
  const int64_t begin = p * kSamplePart, n = part_size(row.args, p);
  draw_part(row, kept, scratch.scaled.get() + begin, begin, n, scratch.parts[p]);
}

void sample_row(const Row &row, SampleScratch &scratch) {
  const int64_t parts = part_count(row.args);
  for (int64_t p = 0; p < parts; ++p)
    first_pass(row, p, scratch, scratch);
  if (row.settled_late() && all_finite(scratch, parts)) {
    const SampleKept kept = settle(row, scratch);
    for (int64_t p = 0; p < parts; ++p)
      second_pass(row, kept, p, scratch);
  }
  finish(row, parts, scratch);
}

// The same by the whole team, which shares the first scratch.
void sample_row_together(const Row &row, Worker &worker) {
  SampleScratch &scratch = *row.args.scratch[0];
  const int64_t parts = part_count(row.args);
  worker.for_each(
      parts, [&](int64_t p) { first_pass(row, p, scratch, *row.args.scratch[worker.thread]); });
  worker.barrier();
  if (row.settled_late() && all_finite(scratch, parts)) {
    if (worker.thread == 0)
      scratch.kept = settle(row, scratch);
    worker.barrier();
    worker.for_each(parts, [&](int64_t p) { second_pass(row, scratch.kept, p, scratch); });
    worker.barrier();
  }
  if (worker.thread == 0)
    finish(row, parts, scratch);
}

} // namespace

void proxy_sample(const void *pointer, Worker &worker) {
  const auto &args = *static_cast<const SampleArgs *>(pointer);
  if (args.rows >= worker.threads)
    return worker.for_each(
        args.rows, [&](int64_t s) { sample_row(Row{args, s}, *args.scratch[worker.thread]); });
  for (int64_t s = 0; s < args.rows; ++s) {
    if (s > 0)
      worker.barrier();
    sample_row_together(Row{args, s}, worker);
  }
}

} // namespace proxyfuse::cpu::PROXYFUSE_ISA
