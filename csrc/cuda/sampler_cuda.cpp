#include "check.h"
#include "launch.h"

#include "sampler/check.h"

#include <algorithm>
#include <utility>

namespace proxyfuse {
namespace {

using cuda::succeed;

// Device memory that lasts as long as its owner; nothing where none was asked for.
class DeviceMemory {
public:
  explicit DeviceMemory(std::size_t bytes) : bytes(bytes) {
    if (bytes > 0)
      succeed(cudaMalloc(&data_, bytes), "cudaMalloc");
  }
  ~DeviceMemory() { cudaFree(data_); }
  DeviceMemory(const DeviceMemory &) = delete;
  DeviceMemory &operator=(const DeviceMemory &) = delete;

  template <class T>
  T *as() const {
    return static_cast<T *>(data_);
  }

  const std::size_t bytes;

private:
  void *data_ = nullptr;
};

// Makes a device the current one for a while.
class OnDevice {
public:
  explicit OnDevice(int device) {
    succeed(cudaGetDevice(&before_), "cudaGetDevice");
    if (device != before_)
      succeed(cudaSetDevice(device), "cudaSetDevice");
  }
  ~OnDevice() { cudaSetDevice(before_); }
  OnDevice(const OnDevice &) = delete;
  OnDevice &operator=(const OnDevice &) = delete;

private:
  int before_ = 0;
};

int current_device() {
  int device = 0;
  succeed(cudaGetDevice(&device), "cudaGetDevice");
  return device;
}

bool wants_whole(const SampleReport &report) { return report.rank || report.top > 0; }

} // namespace

class CudaSampler::State {
public:
  State(std::size_t vocabulary, std::size_t rows, const SampleReport &widest)
      : vocabulary(vocabulary), spread(cuda::spread_over(static_cast<int>(vocabulary))),
        rows_(rows), widest_(widest), device_(current_device()),
        records_(spread.clustered ? 0 : rows * spread.shares * sizeof(cuda::Record)),
        arrived_(spread.clustered ? 0 : rows * sizeof(unsigned)),
        kept_(spread.fits(kept()) ? 0 : kept() * rows * padded() * sizeof(float)) {
    widest_.top = std::min(widest.top, vocabulary);
    cuda::prepare(spread.room);
    if (arrived_.bytes > 0)
      succeed(cudaMemset(arrived_.as<void>(), 0, arrived_.bytes), "cudaMemset");
    succeed(cudaDeviceSynchronize(), "cudaDeviceSynchronize");
  }

  void launch(const RoleLogits &logits, const DeviceRows &rows, const DeviceDraws &draws,
              CUstream_st *stream) const {
    if (logits.base.rows > rows_)
      throw LogitsError("base.rows: got " + std::to_string(logits.base.rows) + ", want at most " +
                        std::to_string(rows_));
    check_logits(logits, logits.base.rows, vocabulary);
    cuda::check_columns(rows);
    cuda::check_draws(draws, widest_);
    if (logits.base.rows == 0)
      return;
    const OnDevice here(device_);
    cuda::launch(args(logits, rows, draws), spread, stream);
  }

  std::size_t bytes() const { return records_.bytes + arrived_.bytes + kept_.bytes; }

  const std::size_t vocabulary;
  const cuda::Spread spread;

private:
  int kept() const { return wants_whole(widest_) ? 2 : 1; }
  std::size_t padded() const { return static_cast<std::size_t>(spread.padded()); }

  cuda::Args args(const RoleLogits &logits, const DeviceRows &rows,
                  const DeviceDraws &draws) const {
    cuda::Args args{};
    args.logits[0] = logits.base;
    args.logits[1] = logits.expert;
    args.logits[2] = logits.antiexpert;
    args.rows = static_cast<std::int64_t>(logits.base.rows);
    args.fused_rows = static_cast<std::int64_t>(logits.expert.rows);
    args.vocab = static_cast<int>(vocabulary);
    args.share = spread.share;
    args.shares = spread.shares;
    args.filters = rows.top_k != nullptr || rows.top_p != nullptr || rows.min_p != nullptr;
    args.whole = draws.ranks != nullptr || draws.top > 0;
    args.columns = rows;
    args.draws = draws;
    args.scratch = {records_.as<cuda::Record>(), arrived_.as<unsigned>(), kept_.as<float>(),
                    nullptr, spread.padded()};
    if (kept_.bytes > 0 && kept() == 2)
      args.scratch.fused = kept_.as<float>() + rows_ * padded();
    return args;
  }

  const std::size_t rows_;
  SampleReport widest_;
  const int device_;
  const DeviceMemory records_, arrived_, kept_;
};

CudaSampler::CudaSampler(std::size_t vocabulary, std::size_t rows, const SampleReport &widest) {
  cuda::check_sampler(vocabulary, rows);
  state_ = std::make_unique<State>(vocabulary, rows, widest);
}

CudaSampler::~CudaSampler() = default;
CudaSampler::CudaSampler(CudaSampler &&) noexcept = default;
CudaSampler &CudaSampler::operator=(CudaSampler &&) noexcept = default;

void CudaSampler::launch(const RoleLogits &logits, const DeviceRows &rows, const DeviceDraws &draws,
                         CUstream_st *stream) {
  state_->launch(logits, rows, draws, stream);
}

std::size_t CudaSampler::vocabulary() const { return state_->vocabulary; }
std::size_t CudaSampler::bytes() const { return state_->bytes(); }
bool CudaSampler::clustered() const { return state_->spread.clustered; }

} // namespace proxyfuse
