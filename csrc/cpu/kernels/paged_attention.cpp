#include "kernels.h"

namespace proxyfuse::cpu::PROXYFUSE_ISA {

void paged_attention(const void *, Worker &) {}

} // namespace proxyfuse::cpu::PROXYFUSE_ISA
