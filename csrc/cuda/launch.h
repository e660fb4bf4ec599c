// How a launch is spread over a chip, and the launch itself. All throw CudaError.
#pragma once

#include "args.h"

#include <cuda_runtime.h>

namespace proxyfuse::cuda {

// How a row is divided: by the vocabulary and the chip alone, never by how many rows there are, so
// that a row's bits do not depend on that either.
struct Spread {
  bool clustered; // a row's blocks are a cluster; else the last of them to arrive settles the row
  int shares;     // blocks of a row; a power of two
  int share;      // ids of a block; a multiple of 32
  int room;       // bytes of shared memory that a block can be given

  // Of shared memory, where so many values of each of its ids are kept there.
  std::size_t bytes(int kept) const;
  // Whether that many fit; without clusters, kept values are for another block to read.
  bool fits(int kept) const;
  std::int64_t padded() const { return static_cast<std::int64_t>(shares) * share; }
};

Spread spread_over(int vocab); // on the current device

// Lets every kernel have `bytes` of shared memory on the current device.
void prepare(int bytes);

void launch(const Args &args, const Spread &spread, cudaStream_t stream);

// Returns where `status` is success; `what` names what was tried.
void succeed(cudaError_t status, const char *what);

} // namespace proxyfuse::cuda
