#include "launch.h"
#include "shared.h"

#include <algorithm>

namespace proxyfuse::cuda {
namespace {

int attribute(cudaDeviceAttr which) {
  int device = 0, value = 0;
  succeed(cudaGetDevice(&device), "cudaGetDevice");
  succeed(cudaDeviceGetAttribute(&value, which, device), "cudaDeviceGetAttribute");
  return value;
}

} // namespace

std::size_t Spread::bytes(int kept) const {
  return sizeof(Shared) + sizeof(float) * static_cast<std::size_t>(share) * kept;
}

bool Spread::fits(int kept) const {
  return kept == 0 || (clustered && bytes(kept) <= static_cast<std::size_t>(room));
}

Spread spread_over(int vocab) {
  Spread spread{};
  spread.clustered = attribute(cudaDevAttrComputeCapabilityMajor) >= 9;
  spread.room = attribute(cudaDevAttrMaxSharedMemoryPerBlockOptin);
  const int most = spread.clustered ? kMostClustered : kMostArriving;
  spread.shares = 1;
  while (spread.shares < most && spread.shares * kTile < vocab)
    spread.shares *= 2;
  const int ids = (vocab + spread.shares - 1) / spread.shares;
  spread.share = (ids + 31) / 32 * 32;
  return spread;
}

void succeed(cudaError_t status, const char *what) {
  if (status != cudaSuccess)
    throw CudaError(std::string(what) + ": " + cudaGetErrorString(status), status);
}

} // namespace proxyfuse::cuda
