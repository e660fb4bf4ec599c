#include "arrival.cuh"
#include "first_pass.cuh"
#include "launch.h"
#include "settle.cuh"

namespace proxyfuse::cuda {
namespace {

// This block's share of row s, its kept values in shared memory or in scratch.
template <bool clustered>
__device__ Team<clustered> team_of(const Args &args, Shared &shared, std::int64_t s, int rank) {
  const int begin = rank * args.share, rest = args.vocab - begin;
  const int end = begin + (rest < args.share ? rest : args.share);
  float *scaled = reinterpret_cast<float *>(&shared + 1), *fused = scaled;
  if (args.filters && args.whole)
    fused += args.share;
  if (args.scratch.scaled != nullptr)
    scaled = args.scratch.scaled + s * args.scratch.padded + begin;
  if (args.scratch.fused != nullptr)
    fused = args.scratch.fused + s * args.scratch.padded + begin;
  return {shared, rank, args.shares, begin, end, scaled, fused};
}

// Filters take so many registers that one block fills a multiprocessor; without them two fit.
constexpr int resident(bool filters) { return filters ? 1 : 2; }

// Grid: `shares` blocks for each row, one after the other.
template <Storage storage, bool filters>
__global__ void __launch_bounds__(kThreads, resident(filters))
    sample_clustered(const __grid_constant__ Args args) {
#if !defined(__CUDA_ARCH__) || __CUDA_ARCH__ >= 900
  const Row row(args, blockIdx.x / args.shares);
  Team<true> team = team_of<true>(args, shared_memory(), row.s, blockIdx.x % args.shares);
  settle<filters>(team, row, team.reduce(first_pass<storage>(row, team), Joined()));
  team.part();
#endif
}

template <Storage storage, bool filters>
__global__ void __launch_bounds__(kThreads, resident(filters))
    sample_arriving(const __grid_constant__ Args args) {
#if !defined(__CUDA_ARCH__) || __CUDA_ARCH__ < 900
  Shared &shared = shared_memory();
  const Row row(args, blockIdx.x / args.shares);
  Team<false> share = team_of<false>(args, shared, row.s, blockIdx.x % args.shares);
  const Record found = share.reduce(first_pass<storage>(row, share), Joined());
  if (!arrives_last(args, row.s, share.rank, found, shared))
    return;
  float *const scaled = args.scratch.scaled + row.s * args.scratch.padded;
  float *const fused = args.scratch.fused + row.s * args.scratch.padded;
  Team<false> whole{shared, 0, 1, 0, args.vocab, scaled, fused, share.turn};
  settle<filters>(whole, row, gathered(args, row.s));
#endif
}

using Kernel = void (*)(Args);

template <Storage storage>
Kernel kernel_of(bool clustered, bool filters) {
  if (clustered)
    return filters ? sample_clustered<storage, true> : sample_clustered<storage, false>;
  return filters ? sample_arriving<storage, true> : sample_arriving<storage, false>;
}

Kernel kernel_of(const Args &args, bool clustered) {
  const LogitType type = args.logits[0].type;
  const bool mixed =
      args.fused_rows > 0 && (args.logits[1].type != type || args.logits[2].type != type);
  const auto choose = mixed                         ? kernel_of<Storage::mixed>
                      : type == LogitType::float32  ? kernel_of<Storage::float32>
                      : type == LogitType::bfloat16 ? kernel_of<Storage::bfloat16>
                                                    : kernel_of<Storage::float16>;
  return choose(clustered, args.filters);
}

} // namespace

void prepare(int bytes) {
  for (Kernel (*const kernel)(bool, bool) :
       {kernel_of<Storage::float32>, kernel_of<Storage::bfloat16>, kernel_of<Storage::float16>,
        kernel_of<Storage::mixed>})
    for (const bool clustered : {false, true})
      for (const bool filters : {false, true})
        succeed(cudaFuncSetAttribute(kernel(clustered, filters),
                                     cudaFuncAttributeMaxDynamicSharedMemorySize, bytes),
                "shared memory");
}

void launch(const Args &args, const Spread &spread, cudaStream_t stream) {
  const bool kept_here = args.scratch.scaled == nullptr;
  cudaLaunchAttribute cluster{};
  cluster.id = cudaLaunchAttributeClusterDimension;
  cluster.val.clusterDim = {static_cast<unsigned>(spread.shares), 1, 1};
  cudaLaunchConfig_t config{};
  config.gridDim = dim3(static_cast<unsigned>(args.rows * spread.shares));
  config.blockDim = dim3(kThreads);
  config.dynamicSmemBytes = spread.bytes(kept_here ? args.filters + args.whole : 0);
  config.stream = stream;
  config.attrs = &cluster;
  config.numAttrs = spread.clustered ? 1 : 0;
  succeed(cudaLaunchKernelEx(&config, kernel_of(args, spread.clustered), args), "launch");
}

} // namespace proxyfuse::cuda
