// Clusters, as much as the sampler uses of them, for the emulation.
#pragma once

#include "machine.h"

namespace cooperative_groups {

struct cluster_group {
  void sync(std::source_location at = std::source_location::current()) const {
    emulation::cluster_barrier(at);
  }

  template <class T>
  const T *map_shared_rank(const T *mine, int rank) const {
    return static_cast<const T *>(emulation::in_block(mine, static_cast<unsigned>(rank)));
  }
};

inline cluster_group this_cluster() { return {}; }

} // namespace cooperative_groups
