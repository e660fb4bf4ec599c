#include "batch.h"
#include "check.h"

#include "cpu/features.h"

#include <atomic>

namespace proxyfuse {
namespace cpu {
namespace generic {
void proxy_sample(const void *args, Worker &worker);
}
#if defined(__x86_64__)
namespace avx2 {
void proxy_sample(const void *args, Worker &worker);
}
namespace avx512 {
void proxy_sample(const void *args, Worker &worker);
}
#endif
} // namespace cpu

namespace {

// One instruction set's kernel. The decoder knows a fourth set, which has nothing for sampling.
struct InstructionSet {
  const char *name;
  bool (*supported)();
  cpu::Kernel kernel;
};

const InstructionSet kSets[] = {
#if defined(__x86_64__)
    {"avx512", cpu::has_avx512, cpu::avx512::proxy_sample},
    {"avx2", cpu::has_avx2, cpu::avx2::proxy_sample},
#endif
    {"generic", [] { return true; }, cpu::generic::proxy_sample},
};

const InstructionSet &find_set(const std::string &name) {
  std::string known;
  for (const InstructionSet &set : kSets) {
    if (!set.supported())
      continue;
    if (name.empty() || name == set.name)
      return set;
    known += std::string(known.empty() ? "" : ", ") + set.name;
  }
  throw ParameterError("instruction_set: got \"" + name + "\", want one of " + known);
}

// Lets one call in at a time; the second is told so.
class Turn {
public:
  explicit Turn(std::atomic_flag &taken) : taken_(taken) {
    if (taken_.test_and_set(std::memory_order_acquire))
      throw std::logic_error("Sampler::sample: got a call while another runs, want one at a time");
  }
  ~Turn() { taken_.clear(std::memory_order_release); }
  Turn(const Turn &) = delete;
  Turn &operator=(const Turn &) = delete;

private:
  std::atomic_flag &taken_;
};

} // namespace

class Sampler::State {
public:
  State(std::size_t vocabulary, int threads, const InstructionSet &set)
      : vocabulary(vocabulary), name(set.name), kernel_(set.kernel), team_(threads),
        batch_(vocabulary) {
    for (int thread = 0; thread < threads; ++thread) {
      owned_.push_back(std::make_unique<cpu::SampleScratch>(static_cast<std::int64_t>(vocabulary)));
      scratch_.push_back(owned_.back().get());
    }
  }

  View<Draw> sample(const RoleLogits &logits, View<SampleRow> rows, const SampleReport &report) {
    const Turn turn(taken_);
    check_logits(logits, rows.size(), vocabulary);
    check_rows(rows, vocabulary);
    cpu::SampleArgs args = batch_.load(logits, rows, report);
    args.scratch = scratch_.data();
    if (args.rows * args.vocab <= cpu::kSampleAlone) {
      cpu::Worker alone(nullptr, 0, 1);
      kernel_(&args, alone);
    } else {
      team_.run([&](cpu::Worker &worker) { kernel_(&args, worker); });
    }
    return batch_.draws(args);
  }

  const std::size_t vocabulary;
  const std::string name;

private:
  const cpu::Kernel kernel_;
  cpu::Team team_;
  Batch batch_;
  std::vector<std::unique_ptr<cpu::SampleScratch>> owned_;
  std::vector<cpu::SampleScratch *> scratch_;
  std::atomic_flag taken_ = ATOMIC_FLAG_INIT;
};

Sampler::Sampler(std::size_t vocabulary, int threads, const std::string &instruction_set) {
  check_sampler(vocabulary, threads);
  state_ = std::make_unique<State>(vocabulary, threads, find_set(instruction_set));
}

Sampler::~Sampler() = default;
Sampler::Sampler(Sampler &&) noexcept = default;
Sampler &Sampler::operator=(Sampler &&) noexcept = default;

View<Draw> Sampler::sample(const RoleLogits &logits, View<SampleRow> rows,
                           const SampleReport &report) {
  return state_->sample(logits, rows, report);
}

std::size_t Sampler::vocabulary() const { return state_->vocabulary; }

const std::string &Sampler::instruction_set() const { return state_->name; }

std::vector<std::string> Sampler::instruction_sets() {
  std::vector<std::string> names;
  for (const InstructionSet &set : kSets)
    if (set.supported())
      names.emplace_back(set.name);
  return names;
}

} // namespace proxyfuse
