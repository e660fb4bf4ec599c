// What a launch is told, and what its blocks leave for each other.
#pragma once

#include "proxyfuse/sampler_cuda.h"

#include <climits>
#include <cmath>

#ifndef PROXYFUSE_CUDA_THREADS
#define PROXYFUSE_CUDA_THREADS 512
#endif

namespace proxyfuse::cuda {

inline constexpr int kThreads = PROXYFUSE_CUDA_THREADS; // of a block; 32 times a power of two
inline constexpr int kWarps = kThreads / 32;
inline constexpr int kQuads = 2;               // of ids that a thread has at a time
inline constexpr int kEach = 4 * kQuads;       // ids that a thread has at a time
inline constexpr int kTile = kThreads * kEach; // ids that a block has at a time
inline constexpr int kMostClustered = 8;       // blocks of a cluster that every chip grants
inline constexpr int kMostArriving = 32;       // blocks of a row without clusters
inline constexpr float kLowest = -0x1.fffffep127f;

// The log of a sum of exp: largest + log(sum); the sum is NaN unless all of its terms are finite.
struct LogSum {
  float largest = kLowest;
  float sum = 0;
};

// The largest score, among equals that of the lowest id, and that id's value without noise.
struct Best {
  float score = -INFINITY;
  int id = INT_MAX;
  float value = -INFINITY;
};

// What a stretch of a row comes to.
struct Record {
  LogSum sums[4]; // of fused, and of each role
  Best best;
  float most = -INFINITY; // the largest value without noise
  int broken = 0;         // whether bias and penalties made a NaN
};

struct Scratch {
  Record *records;       // [rows, shares]: without clusters only
  unsigned *arrived;     // [rows], 0 between launches: likewise
  float *scaled, *fused; // [rows, padded]; null where shared memory holds them
  std::int64_t padded;   // ids of a row, rounded up
};

struct Args {
  Logits logits[3]; // base, expert, antiexpert
  std::int64_t rows, fused_rows;
  int vocab, share, shares; // a row is shared by so many blocks, so many ids each
  bool filters, whole;      // whether scaled, and fused, values are kept
  DeviceRows columns;
  DeviceDraws draws;
  Scratch scratch;
};

} // namespace proxyfuse::cuda
