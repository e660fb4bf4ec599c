// What the pretended devices are, and which of them a thread has chosen.
#pragma once

#include <cstddef>

namespace pretended {

int device_count();        // PRETENDED_GPUS, or 1
std::size_t total_bytes(); // of each: PRETENDED_BYTES, or 6 GiB
int &current_device();     // the thread's

constexpr int kMajor = 9, kMinor = 0; // an H100, as far as anybody asks
constexpr int kThreads = 1024;        // of a block
constexpr int kShared = 232448;       // bytes of a block that asks for them
constexpr int kGrid = 65535;          // the most in y and z

} // namespace pretended
