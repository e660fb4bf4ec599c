// As much of the CUDA runtime's header as the sampler uses, for the emulation.
#pragma once

#include "machine.h"

#include <bit>
#include <cmath>
#include <cstdlib>
#include <cstring>
#include <new>

#define __global__
#define __device__
#define __shared__ thread_local
#define __align__(bytes) __attribute__((aligned(bytes)))
#define __launch_bounds__(...)
#define __grid_constant__
#define threadIdx (::emulation::thread_index())
#define blockIdx (::emulation::block_index())

using cudaStream_t = struct CUstream_st *;
enum cudaError_t { cudaSuccess, cudaErrorInvalidValue, cudaErrorMemoryAllocation };
enum cudaDeviceAttr { cudaDevAttrComputeCapabilityMajor, cudaDevAttrMaxSharedMemoryPerBlockOptin };
enum cudaFuncAttribute { cudaFuncAttributeMaxDynamicSharedMemorySize };
enum cudaLaunchAttributeID { cudaLaunchAttributeClusterDimension };

struct dim3 {
  unsigned x, y, z;
  explicit dim3(unsigned x) : x(x), y(1), z(1) {}
};
struct cudaLaunchAttributeValue {
  struct {
    unsigned x, y, z;
  } clusterDim;
};
struct cudaLaunchAttribute {
  cudaLaunchAttributeID id;
  cudaLaunchAttributeValue val;
};
struct cudaLaunchConfig_t {
  dim3 gridDim{1}, blockDim{1};
  std::size_t dynamicSmemBytes;
  cudaStream_t stream;
  cudaLaunchAttribute *attrs;
  unsigned numAttrs;
};

inline const char *cudaGetErrorString(cudaError_t status) {
  return status == cudaErrorMemoryAllocation ? "out of memory" : "invalid value";
}
inline cudaError_t cudaGetDevice(int *device) { return *device = 0, cudaSuccess; }
inline cudaError_t cudaSetDevice(int) { return cudaSuccess; }
inline cudaError_t cudaDeviceSynchronize() { return cudaSuccess; }
inline cudaError_t cudaDeviceGetAttribute(int *value, cudaDeviceAttr which, int) {
  const emulation::Chip &chip = emulation::chip();
  *value = which == cudaDevAttrComputeCapabilityMajor ? chip.major : chip.shared_bytes;
  return cudaSuccess;
}
// Fresh memory holds NaN.
inline cudaError_t cudaMalloc(void **place, std::size_t bytes) {
  *place = std::aligned_alloc(256, (bytes + 255) / 256 * 256);
  if (*place == nullptr)
    return cudaErrorMemoryAllocation;
  std::memset(*place, 0xff, bytes);
  return cudaSuccess;
}
inline cudaError_t cudaFree(void *place) { return std::free(place), cudaSuccess; }
inline cudaError_t cudaMemset(void *place, int value, std::size_t bytes) {
  return std::memset(place, value, bytes), cudaSuccess;
}
template <class Kernel>
cudaError_t cudaFuncSetAttribute(Kernel, cudaFuncAttribute, int bytes) {
  return bytes <= emulation::chip().shared_bytes ? cudaSuccess : cudaErrorInvalidValue;
}
template <class Kernel, class... Args>
cudaError_t cudaLaunchKernelEx(const cudaLaunchConfig_t *config, Kernel kernel, Args... args) {
  const unsigned cluster = config->numAttrs > 0 ? config->attrs[0].val.clusterDim.x : 1;
  emulation::run({config->gridDim.x, config->blockDim.x, cluster, config->dynamicSmemBytes},
                 [&] { kernel(args...); });
  return cudaSuccess;
}

inline void __syncthreads(std::source_location at = std::source_location::current()) {
  emulation::block_barrier(at);
}
inline void __threadfence() {}
inline unsigned atomicAdd(unsigned *place, unsigned x) {
  return __atomic_fetch_add(place, x, __ATOMIC_SEQ_CST);
}
inline unsigned atomicOr(unsigned *place, unsigned x) {
  return __atomic_fetch_or(place, x, __ATOMIC_SEQ_CST);
}

inline unsigned lane() { return threadIdx.x % 32; }
template <class T>
T from_lane(T x, unsigned source) {
  const std::uint64_t *given = emulation::gather(std::bit_cast<std::uint32_t>(x));
  return std::bit_cast<T>(static_cast<std::uint32_t>(given[source]));
}
template <class T>
T __shfl_xor_sync(unsigned, T x, int distance) {
  return from_lane(x, lane() ^ static_cast<unsigned>(distance));
}
template <class T>
T __shfl_sync(unsigned, T x, int source) {
  return from_lane(x, static_cast<unsigned>(source) % 32);
}
inline unsigned __ballot_sync(unsigned, bool holds) {
  const std::uint64_t *given = emulation::gather(holds);
  unsigned all = 0;
  for (int i = 0; i < 32; ++i)
    all |= static_cast<unsigned>(given[i]) << i;
  return all;
}
inline bool __any_sync(unsigned mask, bool holds) { return __ballot_sync(mask, holds) != 0; }
inline int __reduce_max_sync(unsigned, int x) {
  const std::uint64_t *given = emulation::gather(std::bit_cast<std::uint32_t>(x));
  for (int i = 0; i < 32; ++i)
    x = std::max(x, static_cast<int>(given[i]));
  return x;
}
inline int __reduce_min_sync(unsigned mask, int x) { return ~__reduce_max_sync(mask, ~x); }

inline int __float_as_int(float x) { return std::bit_cast<int>(x); }
inline float __int_as_float(int x) { return std::bit_cast<float>(x); }
inline float __log2f(float x) { return std::log2(x); }
inline int __ffs(int x) { return x == 0 ? 0 : 1 + std::countr_zero(static_cast<unsigned>(x)); }
