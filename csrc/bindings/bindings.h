// The extension module `proxyfuse_kernels._cpu`. Tensors arrive as addresses and strides (in
// elements); who calls has checked shapes and types, and keeps the memory alive.
#pragma once

#include "cpu/isa.h"

#include <pybind11/pybind11.h>

#include <string>

namespace proxyfuse {

// What Python records onto: a tape, and whose kernels it uses.
struct RecordingTape {
  const cpu::Kernels &kernels;
  cpu::Tape tape;
};

// An instruction set of isas(); raises ValueError for another name.
const cpu::Kernels &kernels_of(const std::string &isa);

template <class T>
T *pointer(uintptr_t address) {
  return reinterpret_cast<T *>(address);
}

void bind_team_tape(pybind11::module_ &module);
void bind_decoder_ops(pybind11::module_ &module);
void bind_sampler(pybind11::module_ &module);

} // namespace proxyfuse
