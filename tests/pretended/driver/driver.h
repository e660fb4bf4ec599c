// The driver's own names beside the runtime's: errors, attributes and streams have the same
// numbers.
#pragma once

#include <cuda.h>
#include <cuda_runtime_api.h>

namespace pretended {

// Unlike the runtime's, the driver's errors are not kept for who asks for the last one.
CUresult as_driver(cudaError_t error);

} // namespace pretended
