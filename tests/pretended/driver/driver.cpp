// The driver's own names, as much as Triton's launcher and torch ask for of them. Its errors,
// attributes and streams have the numbers that the runtime's have.
#include "driver.h"

#include "device.h"
#include "faults.h"
#include "memory.h"

#include <cstdint>
#include <cstdio>
#include <dlfcn.h>

using namespace pretended;

namespace {

constexpr std::uintptr_t kContexts = 0x1000; // a device's is this and its number

CUcontext context_of(int device) {
  return reinterpret_cast<CUcontext>(kContexts + static_cast<std::uintptr_t>(device));
}

CUresult not_there() { return CUDA_ERROR_NOT_SUPPORTED; }

void *function_named(const std::string &name) {
  static void *const library = dlopen("libcudart.so.13", RTLD_LAZY | RTLD_NOLOAD);
  for (const char *suffix : {"", "_v2"})
    if (void *found = dlsym(library, (name + suffix).c_str()))
      return found;
  return reinterpret_cast<void *>(not_there);
}

} // namespace

namespace pretended {

CUresult as_driver(cudaError_t error) {
  if (error != cudaSuccess)
    cudaGetLastError();
  const bool unknown = error == cudaErrorInvalidConfiguration; // to the driver
  return unknown ? CUDA_ERROR_INVALID_VALUE : static_cast<CUresult>(error);
}

} // namespace pretended

CALL CUresult cuInit(unsigned) { return CUDA_SUCCESS; }
CALL CUresult cuDriverGetVersion(int *version) { return as_driver(cudaDriverGetVersion(version)); }
CALL CUresult cuDeviceGetCount(int *count) { return as_driver(cudaGetDeviceCount(count)); }

CALL CUresult cuGetErrorString(CUresult error, const char **words) {
  *words = words_for(static_cast<cudaError_t>(error));
  return CUDA_SUCCESS;
}

CALL CUresult cuDeviceGet(CUdevice *device, int number) {
  *device = number;
  return CUDA_SUCCESS;
}

CALL CUresult cuDeviceGetAttribute(int *value, CUdevice_attribute which, CUdevice device) {
  return as_driver(cudaDeviceGetAttribute(value, static_cast<cudaDeviceAttr>(which), device));
}

CALL CUresult cuDeviceGetName(char *name, int room, CUdevice) {
  std::snprintf(name, static_cast<std::size_t>(room), "Pretended GPU");
  return CUDA_SUCCESS;
}

CALL CUresult cuDevicePrimaryCtxGetState(CUdevice, unsigned *flags, int *active) {
  *flags = 0;
  *active = 1;
  return CUDA_SUCCESS;
}

CALL CUresult cuDevicePrimaryCtxRetain(CUcontext *context, CUdevice device) {
  *context = context_of(device);
  return CUDA_SUCCESS;
}

CALL CUresult cuCtxGetCurrent(CUcontext *context) {
  *context = context_of(current_device());
  return CUDA_SUCCESS;
}

CALL CUresult cuCtxSetCurrent(CUcontext context) {
  const std::uintptr_t device = reinterpret_cast<std::uintptr_t>(context) - kContexts;
  return as_driver(cudaSetDevice(static_cast<int>(device)));
}

CALL CUresult cuCtxGetDevice(CUdevice *device) { return as_driver(cudaGetDevice(device)); }

CALL CUresult cuCtxGetLimit(std::size_t *value, CUlimit) {
  *value = 0;
  return CUDA_SUCCESS;
}

CALL CUresult cuCtxSetLimit(CUlimit, std::size_t) { return CUDA_SUCCESS; }

CALL CUresult cuPointerGetAttribute(void *value, CUpointer_attribute which, CUdeviceptr place) {
  const auto *pointer = reinterpret_cast<const void *>(place);
  if (which != CU_POINTER_ATTRIBUTE_DEVICE_POINTER)
    return CUDA_ERROR_NOT_SUPPORTED;
  if (!is_device_memory(pointer) && !is_pinned(pointer))
    return CUDA_ERROR_INVALID_VALUE; // Triton then says that the tensor is the host's
  *static_cast<CUdeviceptr *>(value) = place;
  return CUDA_SUCCESS;
}

CALL cudaError_t cudaGetDriverEntryPointByVersion(const char *name, void **function, unsigned,
                                                  unsigned long long,
                                                  cudaDriverEntryPointQueryResult *found) {
  *function = function_named(name);
  if (found != nullptr)
    *found = cudaDriverEntryPointSuccess;
  return cudaSuccess;
}

CALL CUresult cuGetProcAddress_v2(const char *name, void **function, int, cuuint64_t,
                                  CUdriverProcAddressQueryResult *) {
  *function = function_named(name);
  return CUDA_SUCCESS;
}
