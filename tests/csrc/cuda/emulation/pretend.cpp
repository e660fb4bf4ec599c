// What chip a caller who knows C only wants to be there.
#include "machine.h"

extern "C" void pretend(int major, int shared_bytes, int dice) {
  emulation::chip() = {major, shared_bytes, static_cast<std::uint64_t>(dice), {}};
}
