// Errors of the pretended driver: told where they happen, and kept as CUDA keeps them.
#pragma once

#include <cuda_runtime_api.h>

#include <string>

// A name that torch or triton looks for in this library.
#define CALL extern "C" __attribute__((visibility("default")))

namespace pretended {

// A line on stderr; with PRETENDED_BACKTRACE set, who called, too.
void tell(const std::string &what);
// Tells it, keeps it for cudaGetLastError, and returns it.
cudaError_t fail(cudaError_t error, const std::string &why);
const char *words_for(cudaError_t error);

} // namespace pretended
