// The devices' memory: a file that is mapped at one place, so that another process can map it at
// the same. What is given back is a hole in it, and takes none of the machine's memory.
#pragma once

#include <cstddef>

namespace pretended {

void *take(std::size_t bytes, int device); // null where the device has no more
bool give_back(void *block);               // false for what is no block
std::size_t used_bytes(int device);

bool is_device_memory(const void *place);
int device_of(const void *place); // of device memory
// Whether all of it lies in one block that is taken.
bool is_in_block(const void *place, std::size_t bytes);
// Page-locked memory of the host.
void pin(void *place, std::size_t bytes);
void unpin(void *place);
bool is_pinned(const void *place);

struct Mapping {
  char *base;
  std::size_t bytes; // of all devices
  int file;
};
const Mapping &mapping();

} // namespace pretended
