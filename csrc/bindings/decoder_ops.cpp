#include "bindings.h"

namespace py = pybind11;

namespace proxyfuse {
namespace {

using cpu::DType;
using Address = uintptr_t;

void embed(RecordingTape &self, Address ids, Address table, Address out, int64_t rows,
           int64_t width, int64_t out_stride, int type) {
  self.tape.add(self.kernels.embed,
                cpu::EmbedArgs{pointer<const int32_t>(ids), pointer<const void>(table),
                               pointer<float>(out), rows, width, out_stride, DType(type)});
}

void rms_norm(RecordingTape &self, Address x, Address weight, Address out, int64_t rows,
              int64_t width, int64_t x_stride, int64_t out_stride, float eps, int type,
              int out_type) {
  self.tape.add(self.kernels.rms_norm,
                cpu::RmsNormArgs{pointer<const float>(x), pointer<const void>(weight),
                                 pointer<void>(out), rows, width, x_stride, out_stride, eps,
                                 DType(type), DType(out_type)});
}

void linear(RecordingTape &self, Address x, Address weight, Address bias, Address out, int64_t rows,
            int64_t inputs, int64_t outputs, int64_t x_stride, int64_t out_stride, int type,
            int out_type, bool add) {
  self.tape.add(self.kernels.linear,
                cpu::LinearArgs{pointer<const void>(x), pointer<const void>(weight),
                                pointer<const void>(bias), pointer<void>(out), rows, inputs,
                                outputs, x_stride, out_stride, DType(type), DType(out_type), add});
}

void select(RecordingTape &self, Address x, Address rows, Address out, int64_t count, int64_t width,
            int64_t x_stride, int64_t out_stride) {
  self.tape.add(self.kernels.select,
                cpu::SelectArgs{pointer<const float>(x), pointer<const int32_t>(rows),
                                pointer<float>(out), count, width, x_stride, out_stride});
}

void silu_mul(RecordingTape &self, Address gate_up, Address out, int64_t rows, int64_t width,
              int64_t in_stride, int64_t out_stride, int type) {
  self.tape.add(self.kernels.silu_mul,
                cpu::SiluMulArgs{pointer<const void>(gate_up), pointer<void>(out), rows, width,
                                 in_stride, out_stride, DType(type)});
}

} // namespace

void bind_decoder_ops(py::module_ &module) {
  auto tape = module.attr("Tape").cast<py::class_<RecordingTape>>();
  using py::arg;
  tape.def("embed", embed, arg("ids"), arg("table"), arg("out"), arg("rows"), arg("width"),
           arg("out_stride"), arg("type"));
  tape.def("rms_norm", rms_norm, arg("x"), arg("weight"), arg("out"), arg("rows"), arg("width"),
           arg("x_stride"), arg("out_stride"), arg("eps"), arg("type"), arg("out_type"));
  tape.def("linear", linear, arg("x"), arg("weight"), arg("bias"), arg("out"), arg("rows"),
           arg("inputs"), arg("outputs"), arg("x_stride"), arg("out_stride"), arg("type"),
           arg("out_type"), arg("add"));
  tape.def("select", select, arg("x"), arg("rows"), arg("out"), arg("count"), arg("width"),
           arg("x_stride"), arg("out_stride"));
  tape.def("silu_mul", silu_mul, arg("gate_up"), arg("out"), arg("rows"), arg("width"),
           arg("in_stride"), arg("out_stride"), arg("type"));
}

} // namespace proxyfuse
