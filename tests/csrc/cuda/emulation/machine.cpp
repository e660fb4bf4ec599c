#include "machine.h"

#include "fibers.h"

#include <algorithm>
#include <array>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <random>
#include <thread>
#include <vector>

namespace proxyfuse::cuda {
// What the kernels declare as shared memory: each block's own.
alignas(16) thread_local unsigned char memory[256 << 10];
} // namespace proxyfuse::cuda

namespace emulation {
namespace {

struct Cluster {
  WideBarrier barrier;
  unsigned char *memories[16] = {}; // of its blocks, by rank
};

struct Warp {
  Barrier barrier;
  std::uint64_t given[2][32];
};

struct Block {
  unsigned index = 0;
  Cluster *cluster = nullptr;
  Barrier barrier;
  std::array<Warp, 32> warps;
  std::vector<std::unique_ptr<Fiber>> fibers;
  Fiber *running = nullptr;
};

thread_local Block here;

[[noreturn]] void give_up(const char *why) {
  std::fprintf(stderr, "emulation: block %u: %s\n", here.index, why);
  std::abort();
}

EMULATION_UNWATCHED void wait_for(const long *round, long seen, WideBarrier *wide) {
  Fiber &mine = *here.running;
  mine.watched = round;
  mine.seen = seen;
  mine.wide = wide;
  mine.step_out();
}

EMULATION_UNWATCHED void meet(Barrier &barrier) {
  const long seen = barrier.round;
  if (++barrier.come == barrier.expected) {
    barrier.come = 0;
    ++barrier.round;
  } else {
    wait_for(&barrier.round, seen, nullptr);
  }
}

EMULATION_UNWATCHED bool ready(const Fiber &fiber) {
  if (fiber.over)
    return false;
  return fiber.watched == nullptr || __atomic_load_n(fiber.watched, __ATOMIC_ACQUIRE) != fiber.seen;
}

// Nobody of this block can go on: it must be other blocks that are waited for.
void wait_for_others() {
  for (const auto &fiber : here.fibers) {
    if (fiber->over)
      continue;
    if (fiber->wide == nullptr)
      give_up("threads wait for each other, but not at the same place");
    WideBarrier &wide = *fiber->wide;
    std::unique_lock lock(wide.mutex);
    const bool went_on = wide.changed.wait_for(lock, std::chrono::seconds(60),
                                               [&] { return wide.round != fiber->seen; });
    if (!went_on)
      give_up("waits for blocks that do not come");
    return;
  }
}

EMULATION_UNWATCHED void schedule(std::mt19937_64 &dice) {
  for (;;) {
    std::shuffle(here.fibers.begin(), here.fibers.end(), dice);
    std::size_t over = 0;
    bool moved = false;
    for (const auto &fiber : here.fibers) {
      while (ready(*fiber)) {
        here.running = fiber.get();
        fiber->watched = nullptr;
        fiber->wide = nullptr;
        fiber->go_on();
        moved = true;
      }
      over += fiber->over;
    }
    if (over == here.fibers.size())
      return;
    if (!moved)
      wait_for_others();
  }
}

void run_block(const Shape &shape, unsigned index, Cluster &cluster,
               const std::function<void()> &body) {
  const unsigned rank = index % shape.cluster;
  here.index = index;
  here.cluster = &cluster;
  here.barrier = {static_cast<int>(shape.threads)};
  for (Warp &warp : here.warps)
    warp.barrier = {32};
  for (unsigned i = 0; i < shape.threads; ++i)
    here.fibers.push_back(std::make_unique<Fiber>());
  std::memset(proxyfuse::cuda::memory, 0xff, shape.shared_bytes);
  for (unsigned i = 0; i < shape.threads; ++i) {
    here.fibers[i]->index = static_cast<int>(i);
    here.fibers[i]->start(body);
  }
  {
    const std::lock_guard lock(cluster.barrier.mutex);
    cluster.memories[rank] = proxyfuse::cuda::memory;
  }
  std::mt19937_64 dice(chip().dice + index);
  schedule(dice);
}

} // namespace

Chip &chip() {
  static Chip chip;
  return chip;
}

EMULATION_UNWATCHED Index thread_index() { return {static_cast<unsigned>(here.running->index)}; }
EMULATION_UNWATCHED Index block_index() { return {here.index}; }

EMULATION_UNWATCHED const void *in_block(const void *mine, unsigned rank) {
  const auto offset = static_cast<const unsigned char *>(mine) - proxyfuse::cuda::memory;
  return here.cluster->memories[rank] + offset;
}

void block_barrier() {
  __tsan_release(&here.barrier);
  meet(here.barrier);
  __tsan_acquire(&here.barrier);
}

void cluster_barrier() {
  WideBarrier &barrier = here.cluster->barrier;
  __tsan_release(&here.cluster->memories);
  long seen;
  bool last;
  {
    const std::lock_guard lock(barrier.mutex);
    seen = barrier.round;
    last = ++barrier.come == barrier.expected;
    if (last) {
      barrier.come = 0;
      __atomic_fetch_add(&barrier.round, 1, __ATOMIC_RELEASE);
    }
  }
  if (last)
    barrier.changed.notify_all();
  else
    wait_for(&barrier.round, seen, &barrier);
  __tsan_acquire(&here.cluster->memories);
}

// Lanes that hear each other out do not thereby see each other's memory.
EMULATION_UNWATCHED const std::uint64_t *gather(std::uint64_t mine) {
  Fiber &fiber = *here.running;
  Warp &warp = here.warps[static_cast<std::size_t>(fiber.index) / 32];
  std::uint64_t *given = warp.given[fiber.turn];
  fiber.turn ^= 1;
  given[fiber.index % 32] = mine;
  meet(warp.barrier);
  return given;
}

void run(const Shape &shape, const std::function<void()> &body) {
  if (shape.shared_bytes > sizeof proxyfuse::cuda::memory)
    give_up("more shared memory than there is");
  std::vector<unsigned> order(shape.blocks / shape.cluster);
  for (unsigned i = 0; i < order.size(); ++i)
    order[i] = i * shape.cluster;
  std::mt19937_64 dice(++chip().dice);
  std::shuffle(order.begin(), order.end(), dice);
  const auto body_and_end = [&] {
    body();
    __tsan_release(&order);
  };
  std::vector<std::unique_ptr<Cluster>> clusters;
  for (const unsigned first : order) {
    Cluster &cluster = *clusters.emplace_back(std::make_unique<Cluster>());
    cluster.barrier.expected = static_cast<int>(shape.cluster * shape.threads);
    std::vector<std::thread> blocks;
    for (unsigned rank = 0; rank < shape.cluster; ++rank)
      blocks.emplace_back([&, rank] { run_block(shape, first + rank, cluster, body_and_end); });
    for (std::thread &block : blocks)
      block.join();
  }
  __tsan_acquire(&order); // what they wrote is seen from here on, and not by the block after them
}

} // namespace emulation
