// recall and remember: rows by the token that was read before them. A thread has whole stretches of
// columns, whose tags nobody else reads.
#include "kernels.h"

namespace proxyfuse::cpu::PROXYFUSE_ISA {
namespace {

// What a stretch of columns keeps of a row's token.
struct Spot {
  float *values; // of the stretch
  int32_t *tag;
  int32_t text, token;

  Spot(const HindsightView &view, int64_t row, int64_t stretch)
      : text(*view.text), token(view.ids[view.rows[row]]) {
    const int64_t slot = token % view.slots;
    values = view.values + slot * view.width + stretch * view.stretch;
    tag = view.tags + (stretch * view.slots + slot) * 2;
  }
  bool known() const { return tag[0] == text && tag[1] == token; }
};

int64_t stretches(const HindsightView &view) {
  return (view.width + view.stretch - 1) / view.stretch;
}

int64_t columns(const HindsightView &view, int64_t stretch) {
  const int64_t left = view.width - stretch * view.stretch;
  return left < view.stretch ? left : view.stretch;
}

} // namespace

void recall(const void *args, Worker &worker) {
  const auto &a = *static_cast<const RecallArgs *>(args);
  const int64_t parts = stretches(a.view);
  worker.for_each(a.count * parts, [&](int64_t task) {
    const int64_t row = task / parts, stretch = task % parts, begin = stretch * a.view.stretch;
    const Spot spot(a.view, row, stretch);
    const float *logits = a.logits + row * a.logits_stride + begin;
    float *out = a.out + row * a.out_stride + begin;
    const bool known = spot.known();
    strides(columns(a.view, stretch), [&](int64_t i, int lanes) {
      Vec v = load_some(logits + i, lanes);
      if (known)
        v = v + set1(a.trust) * load_some(spot.values + i, lanes);
      store_some(out + i, v, lanes);
    });
  });
}

void remember(const void *args, Worker &worker) {
  const auto &a = *static_cast<const RememberArgs *>(args);
  worker.for_each(stretches(a.view), [&](int64_t stretch) {
    const int64_t begin = stretch * a.view.stretch;
    for (int64_t row = 0; row < a.count; ++row) {
      const Spot spot(a.view, row, stretch);
      const float *base = a.base + row * a.base_stride + begin;
      const float *expert = a.expert + row * a.expert_stride + begin;
      const float *anti = a.anti + row * a.anti_stride + begin;
      const float *drawn = a.drawn + row * a.drawn_stride + begin;
      const Vec alpha = set1(a.alpha[row]);
      const bool known = spot.known();
      strides(columns(a.view, stretch), [&](int64_t i, int lanes) {
        const Vec apart = load_some(expert + i, lanes) - load_some(anti + i, lanes);
        Vec found = load_some(base + i, lanes) + alpha * apart;
        found = found - load_some(drawn + i, lanes);
        if (known) {
          const Vec kept = load_some(spot.values + i, lanes);
          found = kept + set1(a.news) * (found - kept);
        }
        store_some(spot.values + i, found, lanes);
      });
      spot.tag[0] = spot.text, spot.tag[1] = spot.token;
    }
  });
}

} // namespace proxyfuse::cpu::PROXYFUSE_ISA
