#include "bindings.h"

#include "cpu/proxy_sample.h"

#include <pybind11/stl.h>

#include <array>
#include <memory>
#include <string>
#include <tuple>
#include <vector>

namespace py = pybind11;

namespace proxyfuse {
namespace {

using cpu::DType;
using Address = uintptr_t;
using LogitsTuple = std::tuple<Address, int64_t, int>; // address, stride, DType

// Addresses in the order of SampleRows' columns; 0 where there is none.
cpu::SampleRequests requests_of(const std::array<Address, 22> &at, int64_t allowed_stride) {
  return {
      .alpha = pointer<const float>(at[0]),
      .temperature = pointer<const float>(at[1]),
      .top_k = pointer<const int32_t>(at[2]),
      .top_p = pointer<const float>(at[3]),
      .min_p = pointer<const float>(at[4]),
      .seed = pointer<const int64_t>(at[5]),
      .stream = pointer<const int32_t>(at[6]),
      .position = pointer<const int32_t>(at[7]),
      .repetition = pointer<const float>(at[8]),
      .presence = pointer<const float>(at[9]),
      .frequency = pointer<const float>(at[10]),
      .history = pointer<const int32_t>(at[11]),
      .history_start = pointer<const int32_t>(at[12]),
      .history_split = pointer<const int32_t>(at[13]),
      .history_end = pointer<const int32_t>(at[14]),
      .bias_ids = pointer<const int32_t>(at[15]),
      .bias_values = pointer<const float>(at[16]),
      .bias_start = pointer<const int32_t>(at[17]),
      .allowed = pointer<const int32_t>(at[18]),
      .allowed_row = pointer<const int32_t>(at[19]),
      .given = pointer<const int32_t>(at[20]),
      .is_given = pointer<const bool>(at[21]),
      .allowed_stride = allowed_stride,
  };
}

// Likewise of SampleDraws'.
cpu::SampleResults results_of(const std::array<Address, 9> &at) {
  return {
      .tokens = pointer<int32_t>(at[0]),
      .logprobs = pointer<float>(at[1]),
      .logsumexp = pointer<float>(at[2]),
      .finite = pointer<bool>(at[3]),
      .ranks = pointer<int32_t>(at[4]),
      .role_logprobs = pointer<float>(at[5]),
      .top_ids = pointer<int32_t>(at[6]),
      .top_logprobs = pointer<float>(at[7]),
      .margins = pointer<float>(at[8]),
  };
}

// proxy_sample with buffers of its own that last from call to call.
class Sampler {
public:
  Sampler(cpu::Team &team, int64_t vocab, const std::string &isa)
      : team_(team), vocab_(vocab), kernel_(kernels_of(isa).proxy_sample) {
    for (int thread = 0; thread < team.threads(); ++thread) {
      owned_.push_back(std::make_unique<cpu::SampleScratch>(vocab));
      scratch_.push_back(owned_.back().get());
    }
  }

  void run(const std::vector<LogitsTuple> &logits, int64_t rows, int64_t proxied, int64_t top,
           const std::array<Address, 22> &requests, int64_t allowed_stride,
           const std::array<Address, 9> &results) const {
    const cpu::SampleArgs args =
        args_of(logits, rows, proxied, top, requests, allowed_stride, results);
    const py::gil_scoped_release release;
    if (rows * args.vocab <= cpu::kSampleAlone) {
      cpu::Worker alone(nullptr, 0, 1);
      return kernel_(&args, alone);
    }
    team_.run([&](cpu::Worker &worker) { kernel_(&args, worker); });
  }

  // The same onto a tape that must not outlive this, and whose teams are no larger than its own.
  void record(RecordingTape &tape, const std::vector<LogitsTuple> &logits, int64_t rows,
              int64_t proxied, int64_t top, const std::array<Address, 22> &requests,
              int64_t allowed_stride, const std::array<Address, 9> &results) const {
    tape.tape.add(kernel_, args_of(logits, rows, proxied, top, requests, allowed_stride, results));
  }

private:
  cpu::SampleArgs args_of(const std::vector<LogitsTuple> &logits, int64_t rows, int64_t proxied,
                          int64_t top, const std::array<Address, 22> &requests,
                          int64_t allowed_stride, const std::array<Address, 9> &results) const {
    cpu::SampleArgs args{};
    for (size_t role = 0; role < logits.size(); ++role) {
      const auto &[address, stride, type] = logits[role];
      args.logits[role] = {pointer<const void>(address), stride, DType(type)};
    }
    args.rows = rows;
    args.proxied = proxied;
    args.vocab = vocab_;
    args.top = top;
    args.requests = requests_of(requests, allowed_stride);
    args.results = results_of(results);
    args.scratch = scratch_.data();
    return args;
  }

  cpu::Team &team_; // Python keeps it alive
  const int64_t vocab_;
  const cpu::Kernel kernel_;
  std::vector<std::unique_ptr<cpu::SampleScratch>> owned_;
  std::vector<cpu::SampleScratch *> scratch_;
};

} // namespace

void bind_sampler(py::module_ &module) {
  using py::arg;
  py::class_<Sampler>(module, "Sampler")
      .def(py::init<cpu::Team &, int64_t, const std::string &>(), arg("team"), arg("vocab"),
           arg("isa"), py::keep_alive<1, 2>())
      .def("run", &Sampler::run, arg("logits"), arg("rows"), arg("proxied"), arg("top"),
           arg("requests"), arg("allowed_stride"), arg("results"))
      .def("record", &Sampler::record, arg("tape"), arg("logits"), arg("rows"), arg("proxied"),
           arg("top"), arg("requests"), arg("allowed_stride"), arg("results"));
}

} // namespace proxyfuse
