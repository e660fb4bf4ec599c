// A block: a thread of this machine that runs its fibers until all of them have ended.
#pragma once

#include "fibers.h"

#include <array>
#include <condition_variable>
#include <latch>
#include <memory>
#include <mutex>
#include <random>
#include <vector>

namespace emulation {

// Whoever comes waits until `expected` have come; then it begins again.
struct Barrier {
  int expected = 0, come = 0;
  long round = 0;
};

// The same between blocks, which are over or wait for each other when all are idle.
struct WideBarrier : Barrier {
  unsigned blocks = 0, over = 0, idle = 0;
  std::mutex mutex;
  std::condition_variable changed;
};

struct Cluster {
  explicit Cluster(unsigned blocks) : all_there(blocks) { barrier.blocks = blocks; }

  std::latch all_there;
  WideBarrier barrier;
  unsigned char *memories[16] = {}; // of its blocks, by rank
};

struct Warp {
  Barrier barrier;
  std::uint64_t given[2][32]; // in turn, so that one meeting parts two uses
};

struct Block {
  unsigned index = 0;
  unsigned ended = 0; // threads
  Cluster *cluster = nullptr;
  Barrier barrier;
  std::array<Warp, 32> warps;
  std::vector<std::unique_ptr<Fiber>> fibers;
  Fiber *running = nullptr;
};

extern thread_local Block here; // the one that the machine's thread is

[[noreturn]] void give_up(const char *why);
void meet(Barrier &barrier);
void meet(WideBarrier &barrier);

// Until all of this block's fibers have ended.
void run_fibers(std::mt19937_64 &dice);

} // namespace emulation
