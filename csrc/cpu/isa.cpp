#include "isa.h"

#include "features.h"

#include <iterator>

namespace proxyfuse::cpu {

namespace generic {
const Kernels &kernels();
}
#if defined(__x86_64__)
namespace avx2 {
const Kernels &kernels();
}
namespace avx512 {
const Kernels &kernels();
}
namespace avx512_bf16 {
const Kernels &kernels();
}
#endif

namespace {

bool always() { return true; }

} // namespace

const Isa kIsas[] = {
#if defined(__x86_64__)
    {"avx512_bf16", has_avx512_bf16, avx512_bf16::kernels},
    {"avx512", has_avx512, avx512::kernels},
    {"avx2", has_avx2, avx2::kernels},
#endif
    {"generic", always, generic::kernels},
};
const int kIsaCount = static_cast<int>(std::size(kIsas));

const Isa &best_isa() {
  const Isa *isa = kIsas;
  while (!isa->supported())
    ++isa;
  return *isa;
}

} // namespace proxyfuse::cpu
