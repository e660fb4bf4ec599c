#include "bindings.h"

PYBIND11_MODULE(_cpu, module) {
  module.doc() = "Compiled CPU kernels over raw addresses; proxyfuse_kernels.cpu is their face.";
  proxyfuse::bind_team_tape(module);
  proxyfuse::bind_decoder_ops(module);
  proxyfuse::bind_sampler(module);
}
