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
  int fed = 0;
  bool go = true;
  std::vector<float> sums(drafts.empty() ? 0 : drafts.front().count);
  team.run([&](Worker &worker) {
    play(first, worker);
    for (size_t j = 0; j < drafts.size(); ++j) {
      play(drafts[j].draw, worker);
      if (worker.thread == 0) {
        go = likely(drafts[j], least, steepness, sums) || j == 0;
        fed += go;
      }
      worker.barrier();
      if (!go)
        break;
      play(drafts[j].feed, worker);
    }
    play(verify[fed], worker);
  });
  return fed;
}

} // namespace proxyfuse::cpu
