#pragma once

namespace proxyfuse::cpu {

// What this machine runs.
bool has_avx2();
bool has_avx512();
bool has_avx512_bf16();

} // namespace proxyfuse::cpu
