// Copies and fills. Torch's are real: what they move is moved.
#include "books.h"
#include "memory.h"

#include <cstring>

using namespace pretended;

namespace {

cudaError_t check(std::initializer_list<const void *> places, std::size_t bytes) {
  for (const void *place : places)
    if (is_device_memory(place) && !is_in_block(place, bytes))
      return fail(cudaErrorIllegalAddress, "a copy beyond a block");
  return cudaSuccess;
}

// Memory that may be swapped out goes through a buffer of the driver's, which a graph has not.
cudaError_t check_captured(std::initializer_list<const void *> places, cudaStream_t handle) {
  const Guard guard(books().lock);
  Capture *capture = stream_of(handle).capture;
  if (capture == nullptr)
    return cudaSuccess;
  for (const void *place : places)
    if (!is_device_memory(place) && !is_pinned(place))
      return spoil(*capture, cudaErrorStreamCaptureUnsupported,
                   "a copy of memory that is not pinned");
  return cudaSuccess;
}

} // namespace

CALL cudaError_t cudaMemcpyAsync(void *to, const void *from, std::size_t bytes, cudaMemcpyKind,
                                 cudaStream_t handle) {
  if (const cudaError_t error = check({to, from}, bytes))
    return error;
  if (const cudaError_t error = check_captured({to, from}, handle))
    return error;
  return give(handle, {"a copy", [=] { std::memmove(to, from, bytes); }});
}

CALL cudaError_t cudaMemcpyPeerAsync(void *to, int, const void *from, int, std::size_t bytes,
                                     cudaStream_t handle) {
  return cudaMemcpyAsync(to, from, bytes, cudaMemcpyDeviceToDevice, handle);
}

CALL cudaError_t cudaMemcpy(void *to, const void *from, std::size_t bytes, cudaMemcpyKind) {
  if (const cudaError_t error = unsafe("the host waits for a copy"))
    return error;
  if (const cudaError_t error = check({to, from}, bytes))
    return error;
  return give(nullptr, {"a copy", [=] { std::memmove(to, from, bytes); }});
}

CALL cudaError_t cudaMemcpy2DAsync(void *to, std::size_t to_pitch, const void *from,
                                   std::size_t from_pitch, std::size_t width, std::size_t height,
                                   cudaMemcpyKind, cudaStream_t handle) {
  if (height == 0)
    return cudaSuccess;
  if (const cudaError_t error = check({to}, (height - 1) * to_pitch + width))
    return error;
  if (const cudaError_t error = check({from}, (height - 1) * from_pitch + width))
    return error;
  if (const cudaError_t error = check_captured({to, from}, handle))
    return error;
  return give(handle, {"a copy of rows", [=] {
                         for (std::size_t row = 0; row < height; ++row)
                           std::memmove(static_cast<char *>(to) + row * to_pitch,
                                        static_cast<const char *>(from) + row * from_pitch, width);
                       }});
}

CALL cudaError_t cudaMemsetAsync(void *at, int value, std::size_t bytes, cudaStream_t handle) {
  if (const cudaError_t error = check({at}, bytes))
    return error;
  return give(handle, {"a fill", [=] { std::memset(at, value, bytes); }});
}

CALL cudaError_t cudaMemset(void *at, int value, std::size_t bytes) {
  if (const cudaError_t error = unsafe("the host waits for a fill"))
    return error;
  return cudaMemsetAsync(at, value, bytes, nullptr);
}

// Constants of kernels, which nobody reads.
CALL cudaError_t cudaMemcpyToSymbol(const void *, const void *, std::size_t, std::size_t,
                                    cudaMemcpyKind) {
  return cudaSuccess;
}

CALL cudaError_t cudaGetSymbolAddress(void **place, const void *) {
  static char nobody[4096];
  *place = nobody;
  return cudaSuccess;
}
