// The operations of one instruction set. Every file of this folder is compiled once for each, so
// that here the same names mean different code: PROXYFUSE_ISA is the namespace that tells them
// apart.
#pragma once

#include "../ops.h"
#include "../simd/vec.h"

namespace proxyfuse::cpu::PROXYFUSE_ISA {

void embed(const void *args, Worker &worker);
void rms_norm(const void *args, Worker &worker);
void linear(const void *args, Worker &worker);
void select(const void *args, Worker &worker);
void place(const void *args, Worker &worker);
void recall(const void *args, Worker &worker);
void remember(const void *args, Worker &worker);
void silu_mul(const void *args, Worker &worker);
void rope_append(const void *args, Worker &worker);
void paged_attention(const void *args, Worker &worker);
void proxy_sample(const void *args, Worker &worker);

const Kernels &kernels();

// Calls body(T{}) with the storage type that `type` names.
template <class Body>
void with_type(DType type, Body &&body) {
  switch (type) {
  case DType::f32:
    return body(float{});
  case DType::bf16:
    return body(bf16{});
  case DType::f16:
    return body(f16{});
  }
}

} // namespace proxyfuse::cpu::PROXYFUSE_ISA
