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

// Leaves the block's record; tells whether all others of the row had left theirs before. Whatever
// the block's threads stored came before the barrier of the reduction that made the record.
__device__ inline bool arrives_last(const Args &args, std::int64_t s, int rank, const Record &found,
                                    Shared &shared) {
  if (threadIdx.x == 0) {
    args.scratch.records[s * args.shares + rank] = found;
    __threadfence();
    const unsigned before = atomicAdd(&args.scratch.arrived[s], 1u);
    shared.last = before + 1 == static_cast<unsigned>(args.shares);
    if (shared.last)
      args.scratch.arrived[s] = 0; // for the next launch
    __threadfence();
  }
  __syncthreads();
  return shared.last;
}

// In one order, whoever came last.
__device__ inline Record gathered(const Args &args, std::int64_t s) {
  const int lane = static_cast<int>(threadIdx.x) % 32;
  Record found;
  if (lane < args.shares)
    found = args.scratch.records[s * args.shares + lane];
  return warp_reduce(found, Joined());
}

// Grid: `shares` blocks for each row, one after the other.
template <Storage storage>
__global__ void __launch_bounds__(kThreads) sample_clustered(const __grid_constant__ Args args) {
#if !defined(__CUDA_ARCH__) || __CUDA_ARCH__ >= 900
  const Row row(args, blockIdx.x / args.shares);
  Team<true> team = team_of<true>(args, shared_memory(), row.s, blockIdx.x % args.shares);
  settle(team, row, team.reduce(first_pass<storage>(row, team), Joined()));
  team.part();
#endif
}

template <Storage storage>
__global__ void __launch_bounds__(kThreads) sample_arriving(const __grid_constant__ Args args) {
  Shared &shared = shared_memory();
  const Row row(args, blockIdx.x / args.shares);
  Team<false> share = team_of<false>(args, shared, row.s, blockIdx.x % args.shares);
  const Record found = share.reduce(first_pass<storage>(row, share), Joined());
  if (!arrives_last(args, row.s, share.rank, found, shared))
    return;
  float *const scaled = args.scratch.scaled + row.s * args.scratch.padded;
  float *const fused = args.scratch.fused + row.s * args.scratch.padded;
  Team<false> whole{shared, 0, 1, 0, args.vocab, scaled, fused, share.turn};
  settle(whole, row, gathered(args, row.s));
}

using Kernel = void (*)(Args);

template <Storage storage>
Kernel kernel_of(bool clustered) {
  return clustered ? sample_clustered<storage> : sample_arriving<storage>;
}

Kernel kernel_of(const Args &args, bool clustered) {
  const LogitType type = args.logits[0].type;
  if (args.fused_rows > 0 && (args.logits[1].type != type || args.logits[2].type != type))
    return kernel_of<Storage::mixed>(clustered);
  return type == LogitType::float32    ? kernel_of<Storage::float32>(clustered)
         : type == LogitType::bfloat16 ? kernel_of<Storage::bfloat16>(clustered)
                                       : kernel_of<Storage::float16>(clustered);
}

} // namespace

void prepare(int bytes) {
  for (Kernel (*const kernel)(bool) : {kernel_of<Storage::float32>, kernel_of<Storage::bfloat16>,
                                       kernel_of<Storage::float16>, kernel_of<Storage::mixed>})
    for (const bool clustered : {false, true})
      succeed(cudaFuncSetAttribute(kernel(clustered), cudaFuncAttributeMaxDynamicSharedMemorySize,
                                   bytes),
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
