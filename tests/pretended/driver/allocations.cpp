// Memory by the names that CUDA's runtime has for it.
#include "books.h"
#include "device.h"
#include "memory.h"

#include <cstdlib>

using namespace pretended;

CALL cudaError_t cudaMalloc(void **made, std::size_t bytes) {
  if (const cudaError_t error = unsafe("device memory is allocated"))
    return error;
  *made = take(bytes, current_device());
  if (*made == nullptr)
    return fail(cudaErrorMemoryAllocation, std::to_string(bytes) + " bytes");
  return cudaSuccess;
}

CALL cudaError_t cudaFree(void *block) {
  if (block == nullptr)
    return cudaSuccess;
  if (const cudaError_t error = unsafe("device memory is given back"))
    return error;
  return give_back(block) ? cudaSuccess : fail(cudaErrorInvalidValue, "what is freed is no block");
}

CALL cudaError_t cudaHostAlloc(void **made, std::size_t bytes, unsigned) {
  if (const cudaError_t error = unsafe("pinned memory is allocated"))
    return error;
  if (posix_memalign(made, 4096, bytes) != 0)
    return fail(cudaErrorMemoryAllocation, "pinned memory");
  pin(*made, bytes);
  return cudaSuccess;
}

CALL cudaError_t cudaFreeHost(void *block) {
  if (const cudaError_t error = unsafe("pinned memory is given back"))
    return error;
  unpin(block);
  std::free(block);
  return cudaSuccess;
}

CALL cudaError_t cudaHostRegister(void *block, std::size_t bytes, unsigned) {
  pin(block, bytes);
  return cudaSuccess;
}

CALL cudaError_t cudaHostUnregister(void *block) {
  unpin(block);
  return cudaSuccess;
}

CALL cudaError_t cudaPointerGetAttributes(cudaPointerAttributes *of, const void *place) {
  *of = {};
  void *const same = const_cast<void *>(place);
  if (is_device_memory(place)) {
    of->type = cudaMemoryTypeDevice;
    of->device = device_of(place);
    of->devicePointer = same;
  } else if (is_pinned(place)) {
    of->type = cudaMemoryTypeHost;
    of->device = current_device();
    of->devicePointer = of->hostPointer = same;
  } else {
    of->type = cudaMemoryTypeUnregistered;
    of->device = -1;
    of->hostPointer = same;
  }
  return cudaSuccess;
}
