#include "device.h"

#include "faults.h"
#include "memory.h"

#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <map>
#include <string>

namespace pretended {
namespace {

constexpr int kUsualShared = 49152, kRegisters = 65536, kMultiprocessors = 132;
constexpr int kSharedOfMultiprocessor = 233472, kThreadsOfMultiprocessor = 2048;
constexpr int kL2 = 60 << 20, kWidestGrid = 2147483647, kDepth = 64, kBus = 6144;
constexpr int kVersion = 13000; // of CUDA

std::size_t number(const char *name, std::size_t otherwise) {
  const char *given = std::getenv(name);
  return given == nullptr ? otherwise : std::strtoull(given, nullptr, 0);
}

} // namespace

int device_count() {
  static const auto count = static_cast<int>(number("PRETENDED_GPUS", 1));
  return count;
}

std::size_t total_bytes() {
  static const std::size_t bytes = number("PRETENDED_BYTES", std::size_t{6} << 30);
  return bytes;
}

int &current_device() {
  thread_local int current = 0;
  return current;
}

} // namespace pretended

using namespace pretended;

CALL cudaError_t cudaGetDeviceCount(int *count) {
  *count = device_count();
  return cudaSuccess;
}

CALL cudaError_t cudaGetDevice(int *device) {
  *device = current_device();
  return cudaSuccess;
}

CALL cudaError_t cudaSetDevice(int device) {
  if (device < 0 || device >= device_count())
    return fail(cudaErrorInvalidDevice, "device " + std::to_string(device));
  current_device() = device;
  return cudaSuccess;
}

CALL cudaError_t cudaDriverGetVersion(int *version) {
  *version = kVersion;
  return cudaSuccess;
}

CALL cudaError_t cudaRuntimeGetVersion(int *version) { return cudaDriverGetVersion(version); }

// Numbers are those of cuDeviceGetAttribute, too.
CALL cudaError_t cudaDeviceGetAttribute(int *value, cudaDeviceAttr which, int) {
  static const std::map<int, int> known = {
      {cudaDevAttrMaxThreadsPerBlock, kThreads},
      {cudaDevAttrMaxBlockDimX, kThreads},
      {cudaDevAttrMaxBlockDimY, kThreads},
      {cudaDevAttrMaxBlockDimZ, kDepth},
      {cudaDevAttrMaxGridDimX, kWidestGrid},
      {cudaDevAttrMaxGridDimY, kGrid},
      {cudaDevAttrMaxGridDimZ, kGrid},
      {cudaDevAttrMaxSharedMemoryPerBlock, kUsualShared},
      {cudaDevAttrMaxSharedMemoryPerBlockOptin, kShared},
      {cudaDevAttrMaxSharedMemoryPerMultiprocessor, kSharedOfMultiprocessor},
      {cudaDevAttrMaxRegistersPerBlock, kRegisters},
      {cudaDevAttrMaxRegistersPerMultiprocessor, kRegisters},
      {cudaDevAttrMaxThreadsPerMultiProcessor, kThreadsOfMultiprocessor},
      {cudaDevAttrMultiProcessorCount, kMultiprocessors},
      {cudaDevAttrWarpSize, 32},
      {cudaDevAttrL2CacheSize, kL2},
      {cudaDevAttrClockRate, 1980000},
      {cudaDevAttrMemoryClockRate, 3201000},
      {cudaDevAttrGlobalMemoryBusWidth, kBus},
      {cudaDevAttrComputeCapabilityMajor, kMajor},
      {cudaDevAttrComputeCapabilityMinor, kMinor},
      {cudaDevAttrCooperativeLaunch, 1},
      {cudaDevAttrUnifiedAddressing, 1},
      {cudaDevAttrConcurrentKernels, 1},
      {cudaDevAttrStreamPrioritiesSupported, 1},
      {cudaDevAttrAsyncEngineCount, 3},
  };
  const auto found = known.find(which);
  *value = found == known.end() ? 0 : found->second;
  return cudaSuccess;
}

CALL cudaError_t cudaGetDeviceProperties(cudaDeviceProp *of, int) {
  *of = {};
  std::strcpy(of->name, "Pretended GPU");
  of->totalGlobalMem = total_bytes();
  of->sharedMemPerBlock = kUsualShared;
  of->sharedMemPerBlockOptin = kShared;
  of->sharedMemPerMultiprocessor = kSharedOfMultiprocessor;
  of->regsPerBlock = of->regsPerMultiprocessor = kRegisters;
  of->warpSize = 32;
  of->maxThreadsPerBlock = of->maxThreadsDim[0] = of->maxThreadsDim[1] = kThreads;
  of->maxThreadsDim[2] = kDepth;
  of->maxGridSize[0] = kWidestGrid;
  of->maxGridSize[1] = of->maxGridSize[2] = kGrid;
  of->maxThreadsPerMultiProcessor = kThreadsOfMultiprocessor;
  of->multiProcessorCount = kMultiprocessors;
  of->major = kMajor;
  of->minor = kMinor;
  of->l2CacheSize = kL2;
  of->memoryBusWidth = kBus;
  of->asyncEngineCount = 3;
  of->concurrentKernels = of->unifiedAddressing = of->cooperativeLaunch = 1;
  return cudaSuccess;
}

CALL cudaError_t cudaDeviceGetPCIBusId(char *id, int room, int device) {
  std::snprintf(id, static_cast<std::size_t>(room), "0000:%02x:00.0", device + 1);
  return cudaSuccess;
}

CALL cudaError_t cudaDeviceGetStreamPriorityRange(int *least, int *greatest) {
  *least = 0;
  *greatest = -5;
  return cudaSuccess;
}

CALL cudaError_t cudaDeviceCanAccessPeer(int *can, int, int) {
  *can = 1;
  return cudaSuccess;
}

CALL cudaError_t cudaDeviceEnablePeerAccess(int, unsigned) { return cudaSuccess; }

CALL cudaError_t cudaMemGetInfo(std::size_t *free, std::size_t *total) {
  *total = total_bytes();
  *free = total_bytes() - used_bytes(current_device());
  return cudaSuccess;
}

CALL cudaError_t cudaProfilerStart() { return cudaSuccess; }
CALL cudaError_t cudaProfilerStop() { return cudaSuccess; }
