#include "reel.h"

#include <cmath>

namespace proxyfuse::cpu {
namespace {

void play(const Reel::Tapes &tapes, Worker &worker) {
  for (const Tape *tape : tapes) {
    tape->play(worker);
    worker.barrier();
  }
}

// Adds to its rows' sums how likely a draft is to hold; whether any is still likely enough.
bool likely(const Reel::Draft &draft, float least, float steepness, std::vector<float> &sums) {
  bool any = false;
  for (int64_t i = 0; i < draft.count; ++i) {
    sums[i] -= std::log1p(std::exp(-steepness * draft.margins[i]));
    any |= !(sums[i] < least); // NaN goes on: the verification says what is wrong with it
  }
  return any;
}

} // namespace

int Reel::run(Team &team, float least, float steepness) const {
  int result = 0;
  team.run([&](Worker &worker) {
    // every thread finds the same, so that none waits to be told
    std::vector<float> sums(drafts.empty() ? 0 : drafts.front().count);
    int fed = 0;
    play(first, worker);
    for (const Draft &draft : drafts) {
      play(draft.draw, worker);
      if (!likely(draft, least, steepness, sums) && fed > 0)
        break;
      play(draft.feed, worker);
      ++fed;
    }
    play(verify[fed], worker);
    if (worker.thread == 0)
      result = fed;
  });
  return result;
}

} // namespace proxyfuse::cpu
