// out = x W^T: dot products with the lanes along K, so that W stays as the checkpoint has it.
//
// An output element is always summed in one order: lane l of one accumulator takes the inputs l,
// l + lanes, ... in turn, then the lanes are added in a fixed tree. Tiles, threads and the number
// of rows decide only which elements are worked on together, never how one of them is summed.
#include "dot.h"
#include "kernels.h"

namespace proxyfuse::cpu::PROXYFUSE_ISA {
namespace {

constexpr int64_t kRowBlockBytes = 512 * 1024; // of x: half of a second-level cache
constexpr int64_t kTaskBytes = 64 * 1024; // of weights: enough to stream, small enough to share

int64_t at_most(int64_t a, int64_t b) { return a < b ? a : b; }
int64_t at_least(int64_t a, int64_t b) { return a > b ? a : b; }
int64_t ceil_div(int64_t a, int64_t b) { return (a + b - 1) / b; }

template <class T, class Out>
struct Problem {
  const LinearArgs &a;
  const T *x;
  const T *weight;
  const T *bias;
  Out *out;

  void finish(int64_t row, int64_t column, float value) const {
    Out *to = out + row * a.out_stride + column;
    if (bias != nullptr)
      value += scalar(bias + column);
    if (a.add)
      value += scalar(to);
    store_scalar(to, value);
  }

  template <int rows, int columns>
  void tile(int64_t row, int64_t column) const {
    float results[rows * columns];
    dots<rows, columns>(x + row * a.x_stride, a.x_stride, weight + column * a.inputs, a.inputs,
                        results);
    for (int m = 0; m < rows; ++m)
      for (int n = 0; n < columns; ++n)
        finish(row + m, column + n, results[m * columns + n]);
  }

  template <int rows>
  void columns_of(int64_t row, int64_t begin, int64_t end) const {
    constexpr int wide = rows * 8 <= kTile ? 8 : 4;
    int64_t column = begin;
    for (; column + wide <= end; column += wide)
      tile<rows, wide>(row, column);
    for (; column < end; ++column)
      tile<rows, 1>(row, column);
  }

  // Output columns [begin, end) of rows [row, last), where last - row <= kTileRows.
  void rows_of(int64_t row, int64_t last, int64_t begin, int64_t end) const {
    switch (last - row) {
    case 1:
      return columns_of<1>(row, begin, end);
    case 2:
      return columns_of<2>(row, begin, end);
    case 3:
      return columns_of<3>(row, begin, end);
#if defined(__AVX512F__)
    case 4:
      return columns_of<4>(row, begin, end);
    case 5:
      return columns_of<5>(row, begin, end);
    case 6:
      return columns_of<6>(row, begin, end);
#endif
    }
  }

  void block(int64_t row, int64_t last, int64_t begin, int64_t end) const {
    if (last - row <= kTileRows)
      return rows_of(row, last, begin, end);
    for (int64_t column = begin; column < end; column += 4) // 4 rows of weights stay in cache
      for (int64_t m = row; m < last; m += kTileRows)
        rows_of(m, at_most(m + kTileRows, last), column, at_most(column + 4, end));
  }

  void run(Worker &worker) const {
    const int64_t row_bytes = at_least(1, a.inputs * static_cast<int64_t>(sizeof(T)));
    const int64_t height = kTileRows * at_least(1, kRowBlockBytes / row_bytes / kTileRows);
    const int64_t share = ceil_div(a.outputs, worker.threads * 4);
    const int64_t width = 8 * ceil_div(at_most(at_least(kTaskBytes / row_bytes, 8), share), 8);
    const int64_t across = ceil_div(a.outputs, width);
    worker.for_each(ceil_div(a.rows, height) * across, [&](int64_t task) {
      const int64_t row = task / across * height, column = task % across * width;
      block(row, at_most(row + height, a.rows), column, at_most(column + width, a.outputs));
    });
  }
};

template <class T, class Out>
void run(const LinearArgs &a, Worker &worker) {
  const Problem<T, Out> problem{a, static_cast<const T *>(a.x), static_cast<const T *>(a.weight),
                                static_cast<const T *>(a.bias), static_cast<Out *>(a.out)};
  problem.run(worker);
}

} // namespace

void linear(const void *args, Worker &worker) {
  const auto &a = *static_cast<const LinearArgs *>(args);
  with_type(a.type, [&](auto type) {
    using T = decltype(type);
    if (a.out_type == DType::f32)
      run<T, float>(a, worker);
    else
      run<T, T>(a, worker);
  });
}

} // namespace proxyfuse::cpu::PROXYFUSE_ISA
