#include "bindings.h"

#include <tuple>

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

void linear(RecordingTape &self, Address x, Address weight, Address scales, Address bias,
            Address out, int64_t rows, int64_t inputs, int64_t outputs, int64_t x_stride,
            int64_t out_stride, int type, int out_type, bool add) {
  self.tape.add(self.kernels.linear,
                cpu::LinearArgs{pointer<const void>(x), pointer<const void>(weight),
                                pointer<const float>(scales), pointer<const void>(bias),
                                pointer<void>(out), rows, inputs, outputs, x_stride, out_stride,
                                DType(type), DType(out_type), add});
}

void select(RecordingTape &self, Address x, Address rows, Address out, int64_t count, int64_t width,
            int64_t x_stride, int64_t out_stride) {
  self.tape.add(self.kernels.select,
                cpu::SelectArgs{pointer<const float>(x), pointer<const int32_t>(rows),
                                pointer<float>(out), count, width, x_stride, out_stride});
}

void place(RecordingTape &self, Address tokens, Address index, Address out, int64_t count,
           int64_t targets) {
  self.tape.add(self.kernels.place,
                cpu::PlaceArgs{pointer<const int32_t>(tokens), pointer<const int32_t>(index),
                               pointer<int32_t>(out), count, targets});
}

// values, tags, ids, rows, text; slots, width, stretch.
using Hindsight =
    std::tuple<Address, Address, Address, Address, Address, int64_t, int64_t, int64_t>;

cpu::HindsightView view(const Hindsight &of) {
  const auto [values, tags, ids, rows, text, slots, width, stretch] = of;
  return {pointer<float>(values),
          pointer<int32_t>(tags),
          pointer<const int32_t>(ids),
          pointer<const int32_t>(rows),
          pointer<const int32_t>(text),
          slots,
          width,
          stretch};
}

void recall(RecordingTape &self, Address logits, Address out, const Hindsight &hindsight,
            int64_t count, int64_t logits_stride, int64_t out_stride, float trust) {
  self.tape.add(self.kernels.recall,
                cpu::RecallArgs{pointer<const float>(logits), pointer<float>(out), view(hindsight),
                                count, logits_stride, out_stride, trust});
}

// Of base, expert, antiexpert, and who drew.
using Four = std::tuple<Address, Address, Address, Address>;
using FourStrides = std::tuple<int64_t, int64_t, int64_t, int64_t>;

void remember(RecordingTape &self, const Four &logits, const FourStrides &strides, Address alpha,
              const Hindsight &hindsight, int64_t count, float news) {
  const auto [base, expert, anti, drawn] = logits;
  const auto [base_stride, expert_stride, anti_stride, drawn_stride] = strides;
  self.tape.add(self.kernels.remember,
                cpu::RememberArgs{pointer<const float>(base), pointer<const float>(expert),
                                  pointer<const float>(anti), pointer<const float>(drawn),
                                  pointer<const float>(alpha), view(hindsight), count, base_stride,
                                  expert_stride, anti_stride, drawn_stride, news});
}

void silu_mul(RecordingTape &self, Address gate_up, Address out, int64_t rows, int64_t width,
              int64_t in_stride, int64_t out_stride, int type) {
  self.tape.add(self.kernels.silu_mul,
                cpu::SiluMulArgs{pointer<const void>(gate_up), pointer<void>(out), rows, width,
                                 in_stride, out_stride, DType(type)});
}

// The strides of a page, from key to value, of a slot, and of a head.
using CacheStrides = std::tuple<int64_t, int64_t, int64_t, int64_t>;

cpu::CacheView view(Address cache, const CacheStrides &strides, int64_t slots_per_page) {
  const auto [page, value, slot, head] = strides;
  return {pointer<void>(cache), page, value, slot, head, slots_per_page};
}

void rope_append(RecordingTape &self, Address qkv, Address positions, Address slots,
                 Address rotation, Address q_norm, Address k_norm, Address cache,
                 const CacheStrides &cache_strides, int64_t slots_per_page, int64_t rows,
                 int64_t heads, int64_t key_heads, int64_t head_size, int64_t qkv_stride, float eps,
                 int type) {
  self.tape.add(self.kernels.rope_append,
                cpu::RopeAppendArgs{pointer<void>(qkv), pointer<const int32_t>(positions),
                                    pointer<const int32_t>(slots), pointer<const float>(rotation),
                                    pointer<const void>(q_norm), pointer<const void>(k_norm),
                                    view(cache, cache_strides, slots_per_page), rows, heads,
                                    key_heads, head_size, qkv_stride, eps, DType(type)});
}

void paged_attention(RecordingTape &self, Address qkv, Address positions, Address lanes,
                     Address page_table, Address out, Address cache,
                     const CacheStrides &cache_strides, int64_t slots_per_page, int64_t rows,
                     int64_t heads, int64_t key_heads, int64_t head_size, int64_t qkv_stride,
                     int64_t out_stride, int64_t table_stride, int64_t window, float scale,
                     float softcap, int type) {
  self.tape.add(self.kernels.paged_attention,
                cpu::AttentionArgs{pointer<const void>(qkv), pointer<const int32_t>(positions),
                                   pointer<const int32_t>(lanes),
                                   pointer<const int32_t>(page_table), pointer<void>(out),
                                   view(cache, cache_strides, slots_per_page), rows, heads,
                                   key_heads, head_size, qkv_stride, out_stride, table_stride,
                                   window, scale, softcap, DType(type)});
}

} // namespace

void bind_decoder_ops(py::module_ &module) {
  auto tape = module.attr("Tape").cast<py::class_<RecordingTape>>();
  using py::arg;
  tape.def("embed", embed, arg("ids"), arg("table"), arg("out"), arg("rows"), arg("width"),
           arg("out_stride"), arg("type"));
  tape.def("rms_norm", rms_norm, arg("x"), arg("weight"), arg("out"), arg("rows"), arg("width"),
           arg("x_stride"), arg("out_stride"), arg("eps"), arg("type"), arg("out_type"));
  tape.def("linear", linear, arg("x"), arg("weight"), arg("scales"), arg("bias"), arg("out"),
           arg("rows"), arg("inputs"), arg("outputs"), arg("x_stride"), arg("out_stride"),
           arg("type"), arg("out_type"), arg("add"));
  tape.def("select", select, arg("x"), arg("rows"), arg("out"), arg("count"), arg("width"),
           arg("x_stride"), arg("out_stride"));
  tape.def("place", place, arg("tokens"), arg("index"), arg("out"), arg("count"), arg("targets"));
  tape.def("recall", recall, arg("logits"), arg("out"), arg("hindsight"), arg("count"),
           arg("logits_stride"), arg("out_stride"), arg("trust"));
  tape.def("remember", remember, arg("logits"), arg("strides"), arg("alpha"), arg("hindsight"),
           arg("count"), arg("news"));
  tape.def("silu_mul", silu_mul, arg("gate_up"), arg("out"), arg("rows"), arg("width"),
           arg("in_stride"), arg("out_stride"), arg("type"));
  tape.def("rope_append", rope_append, arg("qkv"), arg("positions"), arg("slots"), arg("rotation"),
           arg("q_norm"), arg("k_norm"), arg("cache"), arg("cache_strides"), arg("slots_per_page"),
           arg("rows"), arg("heads"), arg("key_heads"), arg("head_size"), arg("qkv_stride"),
           arg("eps"), arg("type"));
  tape.def("paged_attention", paged_attention, arg("qkv"), arg("positions"), arg("lanes"),
           arg("page_table"), arg("out"), arg("cache"), arg("cache_strides"), arg("slots_per_page"),
           arg("rows"), arg("heads"), arg("key_heads"), arg("head_size"), arg("qkv_stride"),
           arg("out_stride"), arg("table_stride"), arg("window"), arg("scale"), arg("softcap"),
           arg("type"));
}

} // namespace proxyfuse
