#include "launches.h"

#include "books.h"
#include "device.h"

namespace pretended {
namespace {

bool fits(const Launch &as) {
  const std::size_t threads = std::size_t{as.block.x} * as.block.y * as.block.z;
  const bool some = as.grid.x > 0 && as.grid.y > 0 && as.grid.z > 0 && threads > 0;
  return some && as.grid.y <= kGrid && as.grid.z <= kGrid && threads <= kThreads &&
         as.shared <= kShared;
}

std::map<const void *, std::string> &kernels() {
  static auto &kernels = *new std::map<const void *, std::string>;
  return kernels;
}

std::string name_of(const void *kernel) {
  const Guard guard(books().lock);
  const auto found = kernels().find(kernel);
  return found == kernels().end() ? "a kernel" : found->second;
}

thread_local std::vector<Launch> written; // as kernel<<<...>>> leaves them

} // namespace

cudaError_t launch(const std::string &kernel, const Launch &as) {
  if (!fits(as))
    return fail(cudaErrorInvalidConfiguration, kernel);
  if (stream_of(as.stream).device != current_device())
    return fail(cudaErrorInvalidResourceHandle, kernel + " on another device's stream");
  return give(as.stream, {kernel, nullptr});
}

} // namespace pretended

using namespace pretended;

CALL unsigned __cudaPushCallConfiguration(dim3 grid, dim3 block, std::size_t shared,
                                          cudaStream_t stream) {
  written.push_back({grid, block, shared, stream});
  return 0;
}

CALL cudaError_t __cudaPopCallConfiguration(dim3 *grid, dim3 *block, std::size_t *shared,
                                            cudaStream_t *stream) {
  *grid = written.back().grid;
  *block = written.back().block;
  *shared = written.back().shared;
  *stream = written.back().stream;
  written.pop_back();
  return cudaSuccess;
}

CALL void **__cudaRegisterFatBinary(void *) {
  static void *handle[1];
  return handle;
}

CALL void __cudaRegisterFatBinaryEnd(void **) {}
CALL void __cudaUnregisterFatBinary(void **) {}
CALL void __cudaRegisterVar(void **, char *, char *, const char *, int, std::size_t, int, int) {}
CALL char __cudaInitModule(void **) { return 1; }

CALL void __cudaRegisterFunction(void **, const char *kernel, char *, const char *name, int,
                                 uint3 *, uint3 *, dim3 *, dim3 *, int *) {
  const Guard guard(books().lock);
  kernels()[kernel] = name;
}

CALL cudaError_t __cudaGetKernel(cudaKernel_t *kernel, const void *function) {
  *kernel = static_cast<cudaKernel_t>(const_cast<void *>(function));
  return cudaSuccess;
}

CALL cudaError_t cudaLaunchKernel(const void *kernel, dim3 grid, dim3 block, void **,
                                  std::size_t shared, cudaStream_t stream) {
  return launch(name_of(kernel), {grid, block, shared, stream});
}

CALL cudaError_t __cudaLaunchKernel(cudaKernel_t kernel, dim3 grid, dim3 block, void **with,
                                    std::size_t shared, cudaStream_t stream) {
  return cudaLaunchKernel(kernel, grid, block, with, shared, stream);
}

CALL cudaError_t cudaLaunchCooperativeKernel(const void *kernel, dim3 grid, dim3 block, void **with,
                                             std::size_t shared, cudaStream_t stream) {
  return cudaLaunchKernel(kernel, grid, block, with, shared, stream);
}

CALL cudaError_t cudaLaunchKernelExC(const cudaLaunchConfig_t *as, const void *kernel, void **) {
  return launch(name_of(kernel), {as->gridDim, as->blockDim, as->dynamicSmemBytes, as->stream});
}

CALL cudaError_t cudaFuncGetAttributes(cudaFuncAttributes *of, const void *) {
  *of = {};
  of->maxThreadsPerBlock = kThreads;
  of->numRegs = 32;
  of->binaryVersion = of->ptxVersion = kMajor * 10 + kMinor;
  return cudaSuccess;
}

CALL cudaError_t cudaFuncSetAttribute(const void *, cudaFuncAttribute, int) { return cudaSuccess; }

CALL cudaError_t cudaOccupancyMaxActiveBlocksPerMultiprocessorWithFlags(int *blocks, const void *,
                                                                        int, std::size_t,
                                                                        unsigned) {
  *blocks = 2;
  return cudaSuccess;
}

CALL cudaError_t cudaOccupancyMaxActiveBlocksPerMultiprocessor(int *blocks, const void *kernel,
                                                               int threads, std::size_t shared) {
  return cudaOccupancyMaxActiveBlocksPerMultiprocessorWithFlags(blocks, kernel, threads, shared, 0);
}
