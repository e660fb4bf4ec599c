#include "tape.h"

namespace proxyfuse::cpu {

void Tape::run(Team &team) const {
  if (nodes_.empty())
    return;
  team.run([this](Worker &worker) { play(worker); });
}

void Tape::play(Worker &worker) const {
  for (size_t i = 0; i < nodes_.size(); ++i) {
    if (i > 0)
      worker.barrier();
    nodes_[i].kernel(&cells_[nodes_[i].args], worker);
  }
}

void Tape::clear() {
  nodes_.clear();
  cells_.clear();
}

size_t Tape::size() const { return nodes_.size(); }

} // namespace proxyfuse::cpu
