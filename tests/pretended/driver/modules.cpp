// Modules, functions and launches, as Triton's launcher asks for them. A module that is loaded must
// be what an assembler makes; what it holds is not looked at.
#include "device.h"
#include "driver.h"
#include "launches.h"

#include <cstring>

using namespace pretended;

CALL CUresult cuModuleLoadData(CUmodule *module, const void *image) {
  if (std::memcmp(image, "\177ELF", 4) != 0) {
    tell("a module that no assembler has made");
    return CUDA_ERROR_INVALID_IMAGE;
  }
  static int all; // modules are one: a function is its name
  *module = reinterpret_cast<CUmodule>(&all);
  return CUDA_SUCCESS;
}

CALL CUresult cuModuleLoadDataEx(CUmodule *module, const void *image, unsigned, CUjit_option *,
                                 void **) {
  return cuModuleLoadData(module, image);
}

CALL CUresult cuModuleUnload(CUmodule) { return CUDA_SUCCESS; }

CALL CUresult cuModuleGetFunction(CUfunction *function, CUmodule, const char *name) {
  *function = reinterpret_cast<CUfunction>(new std::string(name));
  return CUDA_SUCCESS;
}

CALL CUresult cuFuncGetAttribute(int *value, CUfunction_attribute which, CUfunction) {
  *value = which == CU_FUNC_ATTRIBUTE_NUM_REGS                ? 64
           : which == CU_FUNC_ATTRIBUTE_MAX_THREADS_PER_BLOCK ? kThreads
                                                              : 0;
  return CUDA_SUCCESS;
}

CALL CUresult cuFuncSetAttribute(CUfunction, CUfunction_attribute, int) { return CUDA_SUCCESS; }
CALL CUresult cuFuncSetCacheConfig(CUfunction, CUfunc_cache) { return CUDA_SUCCESS; }

CALL CUresult cuOccupancyMaxActiveClusters(int *clusters, CUfunction, const CUlaunchConfig *) {
  *clusters = 16;
  return CUDA_SUCCESS;
}

CALL CUresult cuOccupancyMaxActiveBlocksPerMultiprocessor(int *blocks, CUfunction, int,
                                                          std::size_t) {
  *blocks = 2;
  return CUDA_SUCCESS;
}

CALL CUresult cuLaunchKernelEx(const CUlaunchConfig *as, CUfunction function, void **, void **) {
  return as_driver(
      launch(*reinterpret_cast<std::string *>(function),
             {dim3(as->gridDimX, as->gridDimY, as->gridDimZ),
              dim3(as->blockDimX, as->blockDimY, as->blockDimZ), as->sharedMemBytes, as->hStream}));
}

CALL CUresult cuLaunchKernel(CUfunction function, unsigned grid_x, unsigned grid_y, unsigned grid_z,
                             unsigned block_x, unsigned block_y, unsigned block_z, unsigned shared,
                             CUstream stream, void **, void **) {
  return as_driver(
      launch(*reinterpret_cast<std::string *>(function),
             {dim3(grid_x, grid_y, grid_z), dim3(block_x, block_y, block_z), shared, stream}));
}

CALL CUresult cuLaunchCooperativeKernel(CUfunction function, unsigned grid_x, unsigned grid_y,
                                        unsigned grid_z, unsigned block_x, unsigned block_y,
                                        unsigned block_z, unsigned shared, CUstream stream,
                                        void **with) {
  return cuLaunchKernel(function, grid_x, grid_y, grid_z, block_x, block_y, block_z, shared, stream,
                        with, nullptr);
}
