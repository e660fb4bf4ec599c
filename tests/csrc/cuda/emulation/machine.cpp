#include "machine.h"

#include "block.h"

#include <algorithm>
#include <cstring>
#include <thread>

namespace proxyfuse::cuda {
// What the kernels declare as shared memory: each block's own.
alignas(16) thread_local unsigned char memory[256 << 10];
} // namespace proxyfuse::cuda

namespace emulation {
namespace {

using proxyfuse::cuda::memory;

bool left_out(const std::source_location &at) {
  const std::string &without = chip().without;
  if (without.empty())
    return false;
  const std::string place = std::string(at.file_name()) + ":" + std::to_string(at.line());
  return place.size() >= without.size() &&
         place.compare(place.size() - without.size(), without.size(), without) == 0;
}

EMULATION_UNWATCHED bool ends_last(unsigned threads) { return ++here.ended == threads; }

// A block's memory is lost with its last thread: whoever reads it still must be seen to.
void end_thread(const Shape &shape) {
  __tsan_release(&here.ended);
  if (!ends_last(shape.threads))
    return;
  __tsan_acquire(&here.ended);
  std::memset(memory, 0xff, shape.shared_bytes);
}

void run_block(const Shape &shape, unsigned index, Cluster &cluster,
               const std::function<void()> &body) {
  here.index = index;
  here.cluster = &cluster;
  here.barrier.expected = static_cast<int>(shape.threads);
  for (Warp &warp : here.warps)
    warp.barrier.expected = 32;
  std::memset(memory, 0xff, shape.shared_bytes); // NaN
  for (unsigned i = 0; i < shape.threads; ++i) {
    Fiber &fiber = *here.fibers.emplace_back(std::make_unique<Fiber>());
    fiber.index = static_cast<int>(i);
    fiber.start(body);
  }
  cluster.memories[index % shape.cluster] = memory;
  cluster.all_there.arrive_and_wait();
  std::mt19937_64 dice(chip().dice + index);
  run_fibers(dice);
}

void run_cluster(const Shape &shape, unsigned first, Cluster &cluster,
                 const std::function<void()> &body) {
  cluster.barrier.expected = static_cast<int>(shape.cluster * shape.threads);
  std::vector<std::thread> blocks;
  for (unsigned rank = 0; rank < shape.cluster; ++rank)
    blocks.emplace_back([&, rank] { run_block(shape, first + rank, cluster, body); });
  for (std::thread &block : blocks)
    block.join();
}

} // namespace

Chip &chip() {
  static Chip chip;
  return chip;
}

EMULATION_UNWATCHED Index thread_index() { return {static_cast<unsigned>(here.running->index)}; }
EMULATION_UNWATCHED Index block_index() { return {here.index}; }

EMULATION_UNWATCHED const void *in_block(const void *mine, unsigned rank) {
  const auto offset = static_cast<const unsigned char *>(mine) - memory;
  return here.cluster->memories[rank] + offset;
}

void block_barrier(const std::source_location &at) {
  if (left_out(at))
    return;
  __tsan_release(&here.barrier);
  meet(here.barrier);
  __tsan_acquire(&here.barrier);
}

void cluster_barrier(const std::source_location &at) {
  if (left_out(at))
    return;
  __tsan_release(here.cluster);
  meet(here.cluster->barrier);
  __tsan_acquire(here.cluster);
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
  if (shape.shared_bytes > sizeof memory)
    give_up("more shared memory than there is");
  std::vector<unsigned> order;
  for (unsigned first = 0; first < shape.blocks; first += shape.cluster)
    order.push_back(first);
  std::mt19937_64 dice(++chip().dice);
  std::shuffle(order.begin(), order.end(), dice);
  std::vector<std::unique_ptr<Cluster>> clusters;
  const std::function<void()> body_and_end = [&] {
    body();
    end_thread(shape);
    __tsan_release(&order);
  };
  for (const unsigned first : order)
    run_cluster(shape, first, *clusters.emplace_back(std::make_unique<Cluster>(shape.cluster)),
                body_and_end);
  __tsan_acquire(&order); // what they wrote is seen from here on, and not by the blocks after them
}

} // namespace emulation
