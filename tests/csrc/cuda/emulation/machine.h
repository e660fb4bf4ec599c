// A GPU that is good for tests only. A block is a thread of this machine; the block's own threads
// are fibers of it, which run in a random order until they meet. Barriers that not all threads
// reach, and warps that part where they must not, end the program.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <source_location>
#include <string>

namespace emulation {

// What is pretended to be there.
struct Chip {
  int major = 9;
  int shared_bytes = 227 << 10;
  std::uint64_t dice = 1; // of the order in which threads and blocks run
  std::string without;    // file:line of a barrier that is left out
};
Chip &chip();

struct Index {
  unsigned x = 0, y = 0, z = 0;
};

// Where the running thread is.
Index thread_index();
Index block_index();
// The same place in the shared memory of a block of the cluster.
const void *in_block(const void *mine, unsigned rank);

void block_barrier(const std::source_location &at);
void cluster_barrier(const std::source_location &at);
// Every lane's value; good until the warp has met twice more.
const std::uint64_t *gather(std::uint64_t mine);

struct Shape {
  unsigned blocks, threads, cluster;
  std::size_t shared_bytes;
};

// Runs the body in every thread of every block; clusters one after the other, in a random order.
void run(const Shape &shape, const std::function<void()> &body);

} // namespace emulation
