// A launch of a kernel that runs nothing: checked, and given to its stream.
#pragma once

#include "faults.h"

#include <vector_types.h>

namespace pretended {

struct Launch {
  dim3 grid, block;
  std::size_t shared;
  cudaStream_t stream;
};

cudaError_t launch(const std::string &kernel, const Launch &as);

} // namespace pretended
