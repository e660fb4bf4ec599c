#pragma once

#include <atomic>
#include <cstdint>
#include <memory>
#include <mutex>
#include <type_traits>

namespace proxyfuse::cpu {

// Kernels are compiled once per instruction set and include this header, so nothing here may be an
// inline function with external linkage: the linker would keep whichever copy it met first.

class Crew;

// One thread's place in a parallel region.
class Worker {
public:
  Worker(Crew *crew, int thread, int threads);

  const int thread;
  const int threads;

  // Returns once every thread of the region has arrived. What was written before is visible after.
  void barrier();

  // Calls body(task) once for each task in [0, tasks), somewhere in the team. A thread begins with
  // its own contiguous stretch, then takes from those that lag behind, so a thread that loses its
  // core holds nobody up. At most one for_each between two barriers.
  template <class Body>
  void for_each(int64_t tasks, Body &&body) {
    for (int64_t task; claim(tasks, task);)
      body(task);
  }

private:
  bool claim(int64_t tasks, int64_t &task);

  Crew *crew_; // null in a team of one
  int visited_ = 0;
  int64_t taken_ = 0; // tasks done since the last barrier, in a team of one
};

// A borrowed callable: no allocation, no ownership.
class RegionRef {
public:
  template <class F, class = std::enable_if_t<!std::is_same_v<std::decay_t<F>, RegionRef>>>
  RegionRef(F &&f)
      : object_(const_cast<void *>(static_cast<const void *>(&f))),
        call_([](void *object, Worker &worker) {
          (*static_cast<std::remove_reference_t<F> *>(object))(worker);
        }) {}
  void operator()(Worker &worker) const;

private:
  void *object_;
  void (*call_)(void *, Worker &);
};

// A fixed set of threads, the caller of run() among them. Threads wait by spinning, then yielding,
// then parking, so that idle teams cost nothing and busy machines stay usable. A forked child gets
// new threads on its first run.
class Team {
public:
  // threads >= 1, with the caller; spin_us is how long threads stay awake between runs.
  explicit Team(int threads, int spin_us = 1000);
  ~Team();
  Team(const Team &) = delete;
  Team &operator=(const Team &) = delete;

  int threads() const;

  // Calls region(worker) once on each thread; returns when all have. Regions must not throw. Calls
  // from several threads run one after another.
  void run(RegionRef region);

private:
  const int threads_;
  const int spin_us_;
  std::mutex turn_;
  std::unique_ptr<Crew> crew_;
};

} // namespace proxyfuse::cpu
