// A block's shared memory.
#pragma once

#include "args.h"

namespace proxyfuse::cuda {

inline constexpr int kSlot = sizeof(Record); // bytes of the widest thing that is put together

// A block's shared memory; where it keeps its ids of the row, they follow.
struct alignas(16) Shared {
  unsigned seen[kTile]; // of each id of the tile: how often generated, and whether in the prompt
  unsigned char of_warp[2][kWarps][kSlot]; // used in turn, so that one barrier parts two uses
  unsigned char of_block[2][kSlot];
  int last; // whether this block arrived last
};

} // namespace proxyfuse::cuda
