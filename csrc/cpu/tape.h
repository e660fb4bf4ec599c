#pragma once

#include "team.h"

#include <cstddef>
#include <cstring>
#include <vector>

namespace proxyfuse::cpu {

// One operation, called on every thread of a region with the same arguments.
using Kernel = void (*)(const void *args, Worker &worker);

// Operations recorded over fixed buffers, replayed in order by a whole team in one parallel region:
// what a CUDA graph is to a GPU. The buffers must outlive the tape; only their contents may change.
class Tape {
public:
  template <class Args>
  void add(Kernel kernel, const Args &args) {
    static_assert(std::is_trivially_copyable_v<Args> && alignof(Args) <= alignof(Cell));
    nodes_.push_back({kernel, cells_.size()});
    cells_.resize(cells_.size() + (sizeof(Args) + sizeof(Cell) - 1) / sizeof(Cell));
    std::memcpy(&cells_[nodes_.back().args], &args, sizeof(Args));
  }

  void run(Team &team) const;
  // Within a region that is running: every worker calls it. A barrier is due before and after.
  void play(Worker &worker) const;
  void clear();
  size_t size() const;

private:
  using Cell = std::max_align_t;
  struct Node {
    Kernel kernel;
    size_t args; // index into cells_
  };
  std::vector<Node> nodes_;
  std::vector<Cell> cells_;
};

} // namespace proxyfuse::cpu
