#pragma once

#include "ops.h"

namespace proxyfuse::cpu {

// One instruction set that this library was compiled for.
struct Isa {
  const char *name;
  bool (*supported)();
  const Kernels &(*kernels)();
};

// Every compiled instruction set, the fastest first; the last one runs anywhere.
extern const Isa kIsas[];
extern const int kIsaCount;

// The fastest that this machine runs.
const Isa &best_isa();

} // namespace proxyfuse::cpu
