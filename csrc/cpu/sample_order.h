#pragma once

#include <cstdint>

// The scalar part of selection. Compiled once: the templates of <algorithm> have one name whatever
// instruction set they were compiled for, and the linker would keep any of them.
namespace proxyfuse::cpu {

// Moves the k largest of n values to the front; gives the least of them. 1 <= k <= n.
float cut_to_largest(float *values, int64_t n, int64_t k);

// Puts the first `count` ids in order of (x descending, id ascending) to the front.
void order_ids(const float *x, int32_t *ids, int64_t n, int64_t count);

} // namespace proxyfuse::cpu
