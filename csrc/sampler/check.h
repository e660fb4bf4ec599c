#pragma once

#include "proxyfuse/sampler.h"

namespace proxyfuse {

inline constexpr std::size_t kMostIds = std::size_t{1} << 24;           // of a vocabulary
inline constexpr std::size_t kMostRows = std::size_t{1} << 24;          // of a batch
inline constexpr std::size_t kMostHistory = (std::size_t{1} << 30) - 1; // tokens of a batch
inline constexpr int kMostThreads = 1024;

// Whether the row's history has a say in what is drawn.
bool penalised(const SampleRow &row);

// Each throws the SampleError that says what is wrong, and returns where nothing is.
void check_sampler(std::size_t vocabulary, int threads);
void check_logits(const RoleLogits &logits, std::size_t rows, std::size_t vocabulary);
void check_rows(View<SampleRow> rows, std::size_t vocabulary);

} // namespace proxyfuse
