#pragma once

#include "tape.h"

namespace proxyfuse::cpu {

// Tapes of one launch, played in one parallel region: `first`, then each draft in turn while it is
// worth feeding, then the verification that fits the number of drafts that were fed.
struct Reel {
  using Tapes = std::vector<const Tape *>;

  struct Draft {
    Tapes draw;            // draws a token for each of `count` rows
    Tapes feed;            // runs the drafting model over them
    const float *logprobs; // [count], of the tokens drawn, under the drafting model
    int64_t count;
  };

  Tapes first;
  std::vector<Draft> drafts;
  std::vector<Tapes> verify; // one more than there are drafts; which one: the drafts that were fed

  // Plays it all; returns how many drafts were fed. Drafting ends where no row's drafts so far have
  // summed log-probabilities of `least` or more: nobody would believe the next.
  int run(Team &team, float least) const;
};

} // namespace proxyfuse::cpu
