#include "kernels.h"

namespace proxyfuse::cpu::PROXYFUSE_ISA {

const Kernels &kernels() {
  static constexpr Kernels table = {embed,       rms_norm,        linear,      select,
                                    place,       recall,          remember,    silu_mul,
                                    rope_append, paged_attention, proxy_sample};
  return table;
}

} // namespace proxyfuse::cpu::PROXYFUSE_ISA
