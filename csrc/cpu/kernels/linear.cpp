// out = x W^T: dot products with the lanes along K, so that W stays as the checkpoint has it.
//
// An output element is always summed in one order: lane l of one accumulator takes the inputs l,
// l + lanes, ... in turn, then the lanes are added in a fixed tree. Tiles, threads and the number
// of rows decide only which elements are worked on together, never how one of them is summed.
#include "dot.h"
#include "kernels.h"

namespace proxyfuse::cpu::PROXYFUSE_ISA {
namespace {

// A tile is kTileRows by kColumns accumulators, with room for the operands among the registers.
constexpr int kTileRows = kLanes == 16 ? 6 : 3, kColumns = 4;
constexpr int kFewColumns = kLanes < 8 ? 4 : 8; // more streams in flight where rows are few
constexpr int kFewRows = 2 * kTileRows; // up to here a product is bound by reading its weights

constexpr int64_t kBlockRows = 16 * kTileRows; // of x, multiplied with a tile's weights at once
constexpr int64_t kBlockBytes = 512 * 1024;    // of x: half of a second-level cache
constexpr int64_t kChunkBytes = 2048;          // of a row, so that a tile's rows stay in L1
constexpr int64_t kTaskBytes = 64 * 1024;      // of weights: long enough a stretch to stream

int64_t at_most(int64_t a, int64_t b) { return a < b ? a : b; }
int64_t at_least(int64_t a, int64_t b) { return a > b ? a : b; }
int64_t ceil_div(int64_t a, int64_t b) { return (a + b - 1) / b; }

template <int n>
struct Count {
  static constexpr int value = n;
};

// Calls body(Count<n>), 1 <= n <= most.
template <int most, class Body>
void with_count(int64_t n, Body &&body) {
  if constexpr (most > 1)
    if (n < most)
      return with_count<most - 1>(n, body);
  body(Count<most>{});
}

template <class T, class Out>
struct Product {
  const LinearArgs &a;
  Matrix<T> x, weight;

  static constexpr int64_t kChunk = kChunkBytes / sizeof(T);

  // Adds the lanes, the bias and what `out` has, and stores.
  template <int rows, int columns>
  void finish(const Vec *acc, int64_t row, int64_t column) const {
    static_assert(columns <= kLanes);
    float totals[rows * columns];
    sums<rows * columns>(acc, totals);
    Vec bias = zero();
    if (a.bias != nullptr)
      bias = load_some(static_cast<const T *>(a.bias) + column, columns);
    for (int m = 0; m < rows; ++m) {
      Out *to = static_cast<Out *>(a.out) + (row + m) * a.out_stride + column;
      Vec value = load_some(totals + m * columns, columns) + bias;
      if (a.add)
        value = value + load_some(to, columns);
      store_some(to, value, columns);
    }
  }

  template <int rows, int columns, int fetched>
  void tile(int64_t row, int64_t column) const {
    Vec acc[rows * columns];
    for (Vec &v : acc)
      v = zero();
    accumulate<rows, columns, fetched, T>(part(x, row), part(weight, column),
                                          part(weight, column + columns), a.inputs, acc);
    finish<rows, columns>(acc, row, column);
  }

  // Columns [begin, end) of a few rows [row, last), the weights fetched one tile ahead.
  void few_rows(int64_t row, int64_t last, int64_t begin, int64_t end) const {
    with_count<kTileRows>(last - row, [&](auto rows) {
      constexpr int wide = rows.value <= kTileRows / 3 ? kFewColumns : kColumns;
      int64_t column = begin;
      for (; column + wide <= end; column += wide)
        tile<rows.value, wide, wide>(row, column);
      for (; column < end; ++column)
        tile<rows.value, 1, 0>(row, column);
    });
  }

  // kColumns columns of many rows. A chunk of the weights is laid side by side, as rows a power of
  // two apart would push one another out of the cache; all rows use it before the next chunk.
  void many_rows(int64_t row, int64_t last, int64_t column) const {
    Vec acc[kBlockRows / kTileRows][kTileRows * kColumns];
    alignas(64) T packed[kColumns * kChunk];
    for (int64_t k = 0; k < a.inputs; k += kChunk) {
      const int64_t width = at_most(kChunk, a.inputs - k);
      const Matrix<T> w{packed, width};
      for (int n = 0; n < kColumns; ++n)
        __builtin_memcpy(packed + n * width, weight.row(column + n) + k, width * sizeof(T));
      // what is packed next, a row of it with each tile
      const bool more = k + kChunk < a.inputs;
      const T *next = more ? weight.row(column) + k + kChunk : weight.row(column + kColumns);
      for (int64_t m = row, i = 0; m < last; m += kTileRows, ++i)
        with_count<kTileRows>(at_most(kTileRows, last - m), [&](auto rows) {
          Vec sum[rows.value * kColumns];
          for (int v = 0; v < rows.value * kColumns; ++v)
            sum[v] = k == 0 ? zero() : acc[i][v];
          accumulate<rows.value, kColumns, 1, T>(
              {x.row(m) + k, x.stride}, w, part({next, weight.stride}, i % kColumns), width, sum);
          if (more)
            for (int v = 0; v < rows.value * kColumns; ++v)
              acc[i][v] = sum[v];
          else
            finish<rows.value, kColumns>(sum, m, column);
        });
    }
  }

  void block(int64_t row, int64_t last, int64_t begin, int64_t end) const {
    int64_t column = begin;
    if (last - row > kFewRows)
      for (; column + kColumns <= end; column += kColumns)
        many_rows(row, last, column);
    const int64_t tiles = ceil_div(last - row, kTileRows);
    for (int64_t next; column < end; column = next) {
      next = last - row <= kTileRows ? end : at_most(column + kColumns, end);
      for (int64_t i = 0; i < tiles; ++i) // of even heights
        few_rows(row + (last - row) * i / tiles, row + (last - row) * (i + 1) / tiles, column,
                 next);
    }
  }

  void run(Worker &worker) const {
    const int64_t row_bytes = at_least(1, a.inputs) * static_cast<int64_t>(sizeof(T));
    const int64_t fitting = at_least(kBlockBytes / row_bytes, kFewRows) / kTileRows * kTileRows;
    const int64_t height = at_most(fitting, kBlockRows), down = ceil_div(a.rows, height);
    const int64_t share = ceil_div(a.outputs, worker.threads * 4);
    const int64_t width = 8 * ceil_div(at_most(at_least(kTaskBytes / row_bytes, 8), share), 8);
    const int64_t across = ceil_div(a.outputs, width);
    worker.for_each(down * across, [&](int64_t task) {
      const int64_t row = task / across * height, column = task % across * width;
      block(row, at_most(row + height, a.rows), column, at_most(column + width, a.outputs));
    });
  }

private:
  static Matrix<T> part(Matrix<T> of, int64_t row) { return {of.row(row), of.stride}; }
};

} // namespace

void linear(const void *args, Worker &worker) {
  const auto &a = *static_cast<const LinearArgs *>(args);
  with_type(a.type, [&](auto type) {
    using T = decltype(type);
    const Matrix<T> x{static_cast<const T *>(a.x), a.x_stride};
    const Matrix<T> weight{static_cast<const T *>(a.weight), a.inputs};
    if (a.out_type == DType::f32)
      Product<T, float>{a, x, weight}.run(worker);
    else
      Product<T, T>{a, x, weight}.run(worker);
  });
}

} // namespace proxyfuse::cpu::PROXYFUSE_ISA
