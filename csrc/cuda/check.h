#pragma once

#include "proxyfuse/sampler_cuda.h"

namespace proxyfuse::cuda {

inline constexpr std::size_t kMostIds = std::size_t{1} << 22;  // whose masses add up in 63 bits
inline constexpr std::size_t kMostRows = std::size_t{1} << 20; // times 32 blocks fit into a grid

// Each throws the SampleError that says what is wrong, and returns where nothing is.
void check_sampler(std::size_t vocabulary, std::size_t rows);
void check_columns(const DeviceRows &rows);
void check_draws(const DeviceDraws &draws, const SampleReport &widest);

} // namespace proxyfuse::cuda
