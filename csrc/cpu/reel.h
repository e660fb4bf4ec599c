#pragma once

#include "tape.h"

namespace proxyfuse::cpu {

// Tapes of one launch, played in one parallel region: `first`, then each draft in turn while it is
// worth feeding, then the verification that fits the number of drafts that were fed.
struct Reel {
  using Tapes = std::vector<const Tape *>;

  struct Draft {
    Tapes draw;           // draws a token for each of `count` rows
    Tapes feed;           // runs the drafting model over them
    const float *margins; // [count], by which the tokens drawn led all others
    int64_t count;
  };

  Tapes first;
  std::vector<Draft> drafts;
  std::vector<Tapes> verify; // one more than there are drafts; which one: the drafts that were fed

  // Plays it all; returns how many drafts were fed. A draft that led by m is believed to hold
  // with 1 / (1 + exp(-steepness * m)); drafting ends where no row's drafts so far have a
  // log-probability of `least` or more to hold together. The first is fed in any case: nothing else
  // teaches how drafts fare.
  int run(Team &team, float least, float steepness) const;
};

} // namespace proxyfuse::cpu
