#include "../cpu/isa.h"
#include "../cpu/proxy_sample.h"

#include <pybind11/pybind11.h>
#include <pybind11/stl.h>

#include <memory>
#include <tuple>
#include <vector>

namespace py = pybind11;

namespace proxyfuse::cpu {
namespace {

// Addresses by field name; a missing one is null.
using Addresses = py::dict;
using LogitsTuple = std::tuple<uintptr_t, int64_t, int>; // address, stride, DType

template <class T>
void point(const Addresses &from, const char *name, T *&to) {
  if (from.contains(name))
    to = reinterpret_cast<T *>(from[name].cast<uintptr_t>());
}

SampleRequests requests_of(const Addresses &from, int64_t allowed_stride) {
  SampleRequests r{};
  point(from, "alpha", r.alpha);
  point(from, "temperature", r.temperature);
  point(from, "top_p", r.top_p);
  point(from, "min_p", r.min_p);
  point(from, "repetition", r.repetition);
  point(from, "presence", r.presence);
  point(from, "frequency", r.frequency);
  point(from, "top_k", r.top_k);
  point(from, "stream", r.stream);
  point(from, "position", r.position);
  point(from, "seed", r.seed);
  point(from, "history", r.history);
  point(from, "history_start", r.history_start);
  point(from, "history_split", r.history_split);
  point(from, "history_end", r.history_end);
  point(from, "bias_ids", r.bias_ids);
  point(from, "bias_start", r.bias_start);
  point(from, "bias_values", r.bias_values);
  point(from, "allowed", r.allowed);
  point(from, "allowed_row", r.allowed_row);
  point(from, "given", r.given);
  point(from, "is_given", r.is_given);
  r.allowed_stride = allowed_stride;
  return r;
}

SampleResults results_of(const Addresses &from) {
  SampleResults r{};
  point(from, "tokens", r.tokens);
  point(from, "logprobs", r.logprobs);
  point(from, "logsumexp", r.logsumexp);
  point(from, "finite", r.finite);
  point(from, "ranks", r.ranks);
  point(from, "role_logprobs", r.role_logprobs);
  point(from, "top_ids", r.top_ids);
  point(from, "top_logprobs", r.top_logprobs);
  return r;
}

// proxy_sample with buffers of its own that last from call to call.
class Sampler {
public:
  Sampler(Team &team, int64_t vocab) : team_(team), kernel_(best_isa().kernels().proxy_sample) {
    args_.vocab = vocab;
    for (int thread = 0; thread < team.threads(); ++thread) {
      scratch_.push_back(std::make_unique<SampleScratch>(vocab));
      pointers_.push_back(scratch_.back().get());
    }
    args_.scratch = pointers_.data();
  }

  void run(const std::vector<LogitsTuple> &logits, int64_t rows, int64_t proxied, int64_t top,
           const Addresses &requests, int64_t allowed_stride, const Addresses &results) {
    for (size_t role = 0; role < logits.size(); ++role) {
      const auto &[address, stride, type] = logits[role];
      args_.logits[role] = {reinterpret_cast<const void *>(address), stride,
                            static_cast<DType>(type)};
    }
    args_.rows = rows;
    args_.proxied = proxied;
    args_.top = top;
    args_.requests = requests_of(requests, allowed_stride);
    args_.results = results_of(results);
    const py::gil_scoped_release release;
    team_.run([this](Worker &worker) { kernel_(&args_, worker); });
  }

private:
  Team &team_;
  const Kernel kernel_;
  SampleArgs args_{};
  std::vector<std::unique_ptr<SampleScratch>> scratch_;
  std::vector<SampleScratch *> pointers_;
};

} // namespace

void bind_sampler(py::module_ &m) {
  py::class_<Sampler>(m, "Sampler")
      .def(py::init<Team &, int64_t>(), py::arg("team"), py::arg("vocab"), py::keep_alive<1, 2>())
      .def("run", &Sampler::run, py::arg("logits"), py::arg("rows"), py::arg("proxied"),
           py::arg("top"), py::arg("requests"), py::arg("allowed_stride"), py::arg("results"));
}

} // namespace proxyfuse::cpu
