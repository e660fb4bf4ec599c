#include "team.h"

#include <chrono>
#include <sched.h>
#include <thread>
#include <unistd.h>
#include <vector>

#if defined(__x86_64__)
#include <immintrin.h>
#endif

namespace proxyfuse::cpu {
namespace {

using Clock = std::chrono::steady_clock;
using std::chrono::microseconds;

// Spinning longer than this without yielding starves a thread that shares our core.
constexpr microseconds kSpin{20};
constexpr microseconds kBarrierPatience{200};

void pause() {
#if defined(__x86_64__)
  _mm_pause();
#elif defined(__aarch64__)
  asm volatile("yield");
#endif
}

// Returns once word no longer holds `old`: spins, then yields until `patience` is over, then parks.
void await_change(const std::atomic<uint32_t> &word, uint32_t old, microseconds patience) {
  const auto begin = Clock::now();
  while (word.load(std::memory_order_acquire) == old) {
    const auto waited = Clock::now() - begin;
    if (waited > patience)
      word.wait(old, std::memory_order_acquire);
    else if (waited > kSpin)
      std::this_thread::yield();
    else
      for (int i = 0; i < 16 && word.load(std::memory_order_relaxed) == old; ++i)
        pause();
  }
}

// Two threads of a team on one core wait for each other's turn at every barrier, and a scheduler
// that sees both of them busy may leave them there for long. A worker that finds itself on the core
// of the thread it works for moves over, and stays free to be moved again.
void step_aside(int core) {
  cpu_set_t allowed;
  if (core < 0 || sched_getcpu() != core || sched_getaffinity(0, sizeof allowed, &allowed) != 0 ||
      CPU_COUNT(&allowed) < 2)
    return;
  cpu_set_t elsewhere = allowed;
  CPU_CLR(core, &elsewhere);
  sched_setaffinity(0, sizeof elsewhere, &elsewhere);
  sched_setaffinity(0, sizeof allowed, &allowed);
}

struct alignas(64) Count {
  std::atomic<int64_t> value{0};
};

} // namespace

// The threads of one process and what they share.
class Crew {
public:
  Crew(int threads, int spin_us) : process(getpid()), taken(threads), patience_(spin_us) {
    try {
      for (int thread = 1; thread < threads; ++thread)
        threads_.emplace_back([this, thread] { serve(thread); });
    } catch (...) { // threads are scarce: those that began must end before this does
      dismiss();
      throw;
    }
  }

  ~Crew() { dismiss(); }

  void run(const RegionRef &region) {
    region_ = &region;
    core_ = sched_getcpu();
    begin_region();
    Worker worker(this, 0, size());
    region(worker);
    worker.barrier();
  }

  void barrier() {
    const uint32_t old = generation_.load(std::memory_order_relaxed);
    if (arrived_.fetch_add(1, std::memory_order_acq_rel) + 1 < size())
      return await_change(generation_, old, kBarrierPatience);
    arrived_.store(0, std::memory_order_relaxed);
    for (auto &count : taken)
      count.value.store(0, std::memory_order_relaxed);
    generation_.store(old + 1, std::memory_order_release);
    generation_.notify_all();
  }

  const pid_t process;
  std::vector<Count> taken; // of each thread's stretch of tasks, since the last barrier

private:
  int size() const { return static_cast<int>(taken.size()); }

  void dismiss() {
    region_ = nullptr;
    begin_region();
    for (auto &thread : threads_)
      thread.join();
  }

  void begin_region() {
    epoch_.fetch_add(1, std::memory_order_release);
    epoch_.notify_all();
  }

  void serve(int thread) {
    for (uint32_t seen = 0;; ++seen) {
      await_change(epoch_, seen, patience_);
      if (region_ == nullptr)
        return;
      step_aside(core_);
      Worker worker(this, thread, size());
      (*region_)(worker);
      worker.barrier();
    }
  }

  alignas(64) std::atomic<uint32_t> epoch_{0};
  alignas(64) std::atomic<int> arrived_{0};
  alignas(64) std::atomic<uint32_t> generation_{0};
  const RegionRef *region_ = nullptr;
  int core_ = -1; // of the caller, as the region began
  const microseconds patience_;
  std::vector<std::thread> threads_;
};

Worker::Worker(Crew *crew, int thread, int threads)
    : thread(thread), threads(threads), crew_(crew) {}

void Worker::barrier() {
  visited_ = 0;
  taken_ = 0;
  if (crew_ != nullptr)
    crew_->barrier();
}

bool Worker::claim(int64_t tasks, int64_t &task) {
  if (crew_ == nullptr) {
    task = taken_++;
    return task < tasks;
  }
  for (; visited_ < threads; ++visited_) {
    const int owner = (thread + visited_) % threads;
    const int64_t begin = tasks * owner / threads, end = tasks * (owner + 1) / threads;
    auto &taken = crew_->taken[owner].value;
    if (begin + taken.load(std::memory_order_relaxed) >= end)
      continue;
    task = begin + taken.fetch_add(1, std::memory_order_relaxed);
    if (task < end)
      return true;
  }
  return false;
}

void RegionRef::operator()(Worker &worker) const { call_(object_, worker); }

Team::Team(int threads, int spin_us) : threads_(threads), spin_us_(spin_us) {}

Team::~Team() {
  // The threads of a forked child's parent do not exist here and cannot be joined.
  if (crew_ && crew_->process != getpid())
    crew_.release();
}

int Team::threads() const { return threads_; }

void Team::run(RegionRef region) {
  const std::lock_guard turn(turn_);
  if (threads_ == 1) {
    Worker worker(nullptr, 0, 1);
    return region(worker);
  }
  if (crew_ && crew_->process != getpid())
    crew_.release();
  if (!crew_)
    crew_ = std::make_unique<Crew>(threads_, spin_us_);
  crew_->run(region);
}

} // namespace proxyfuse::cpu
