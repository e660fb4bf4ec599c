// Where the keys and values of a lane lie.
#pragma once

#include "../ops.h"
#include "../simd/vec.h"

namespace proxyfuse::cpu::PROXYFUSE_ISA {

inline constexpr int kBlockKeys = 64; // keys, whose reads the queries of a task share

inline int64_t at_most(int64_t a, int64_t b) { return a < b ? a : b; }
inline int64_t at_least(int64_t a, int64_t b) { return a > b ? a : b; }

// Positions [begin, end).
struct Span {
  int64_t begin, end;
};

inline Span overlap(Span a, Span b) { return {at_least(a.begin, b.begin), at_most(a.end, b.end)}; }

template <class T>
struct Block {
  int64_t begin;           // position of its first key
  const T *at[kBlockKeys]; // each key; the nearest wanted one where nobody wants it
};

// Keys of one head in [block.begin, + kBlockKeys); `wanted` has some of them.
template <class T>
void locate(const AttentionArgs &a, const int32_t *pages, int64_t key_head, Span wanted,
            Block<T> &block) {
  const T *base = static_cast<const T *>(a.cache.data) + key_head * a.cache.head_stride;
  const Span some = overlap(wanted, {block.begin, block.begin + kBlockKeys});
  int64_t page = some.begin / a.cache.slots_per_page, slot = some.begin % a.cache.slots_per_page;
  for (int64_t p = some.begin; p < some.end; ++p) {
    block.at[p - block.begin] =
        base + pages[page] * a.cache.page_stride + slot * a.cache.slot_stride;
    if (++slot == a.cache.slots_per_page) {
      slot = 0;
      ++page;
    }
  }
  for (int64_t i = 0; i < some.begin - block.begin; ++i)
    block.at[i] = block.at[some.begin - block.begin];
  for (int64_t i = some.end - block.begin; i < kBlockKeys; ++i)
    block.at[i] = block.at[some.end - block.begin - 1];
}

} // namespace proxyfuse::cpu::PROXYFUSE_ISA
