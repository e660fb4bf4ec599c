// out = x W^T: dot products with the lanes along K, so that W stays as the checkpoint has it.
//
// An output element is always summed in one order: lane l of one accumulator takes the inputs l,
// l + lanes, ... in turn, then the lanes are added in a fixed tree. Tiles, threads and the number
// of rows decide only which elements are worked on together, never how one of them is summed.
//
// Weights of 8 bits are widened exactly, and a sum of them is multiplied by its column's scale. Few
// rows widen in registers whatever they read; for many, a block of weights is widened once into
// memory of the thread, and is a block of x's type from there on.
#include "dot.h"
#include "kernels.h"

#include <cstdlib>
#include <type_traits>

namespace proxyfuse::cpu::PROXYFUSE_ISA {
namespace {

// A tile is kTileRows by kColumns accumulators, with room for the operands among the registers.
constexpr int kTileRows = kLanes == 16 ? 6 : 3, kColumns = 4;
constexpr int kFewTiles = 2;    // of few rows, one after the other over the same weights
constexpr int kNarrowTiles = 3; // likewise, where each widens weights of 8 bits for itself
constexpr int kFewColumns = kLanes < 8 ? 4 : 8; // more streams in flight where rows are few

constexpr int64_t kBlockRows = 192;
constexpr int64_t kBlockColumns = 64;
constexpr int64_t kBlockBytes = 256 * 1024; // of weights: they stay in L2 for all rows of a block
constexpr int64_t kStretchBytes =
    64 * 1024;                             // of weights, where rows are few: long enough to stream
constexpr int64_t kCloseBytes = 20 * 1024; // of a tile's rows of x
constexpr int64_t kChunkBytes = 4 * 1024; // of a row: a tile's rows of x stay in L1 for all columns

int64_t at_most(int64_t a, int64_t b) { return a < b ? a : b; }
int64_t at_least(int64_t a, int64_t b) { return a > b ? a : b; }
int64_t ceil_div(int64_t a, int64_t b) { return (a + b - 1) / b; }

template <int n>
struct Count {
  static constexpr int value = n;
};

// Columns of a tile of so many rows: where rows are few, more streams in flight, as far as
// registers last.
constexpr int columns_for(int rows) {
  if (kLanes < 16)
    return rows <= kTileRows / 3 ? kFewColumns : kColumns;
  return rows <= 2 ? 8 : rows == 3 ? 6 : rows <= kTileRows ? kColumns : 3;
}

// Calls body(Count<n>), 1 <= n <= most.
template <int most, class Body>
void with_count(int64_t n, Body &&body) {
  if constexpr (most > 1)
    if (n < most)
      return with_count<most - 1>(n, body);
  body(Count<most>{});
}

// Memory of one thread that grows as it is asked for, and goes with it.
struct Room {
  void *data = nullptr;
  size_t bytes = 0;

  ~Room() { std::free(data); }
  void *get(size_t wanted) {
    if (wanted > bytes) {
      std::free(data);
      bytes = (wanted + 63) / 64 * 64;
      data = std::aligned_alloc(64, bytes);
      if (data == nullptr)
        std::abort(); // a region must not throw, and goes on with nothing
    }
    return data;
  }
};

// x of type T, weights kept as W.
template <class T, class W, class Out>
struct Product {
  static constexpr bool kSame = std::is_same_v<T, W>;
  // rows of a tile where rows are few: there is room for two more beside weights as they are
  static constexpr int kFewRows = kSame && kLanes == 16 ? kTileRows + 2 : kTileRows;
  const LinearArgs &a;
  Matrix<T> x;
  Matrix<W> weight;

  // Adds the lanes; scales them; adds the bias and what `out` has, and stores.
  template <int rows, int columns>
  [[gnu::always_inline]] void finish(const Vec *acc, int64_t row, int64_t column) const {
    static_assert(columns <= kLanes);
    float totals[rows * columns];
    sums<rows * columns>(acc, totals);
    const int64_t stride = a.out_stride;
    const bool add = a.add;
    Out *out = static_cast<Out *>(a.out) + row * stride + column;
    [[maybe_unused]] Vec scale = zero();
    if constexpr (!kSame)
      scale = load_some(a.scales + column, columns);
    Vec bias = zero();
    if (a.bias != nullptr)
      bias = load_some(static_cast<const T *>(a.bias) + column, columns);
    for (int m = 0; m < rows; ++m, out += stride) {
      Vec value = load_front<columns>(totals + m * columns);
      if constexpr (!kSame)
        value = value * scale;
      value = value + bias;
      if (add)
        value = value + load_some(out, columns);
      store_some(out, value, columns);
    }
  }

  template <int rows, int columns, int fetched>
  void tile(int64_t row, int64_t column) const {
    Vec acc[rows * columns];
    for (Vec &v : acc)
      v = zero();
    accumulate<rows, columns, fetched>(part(x, row), part(weight, column),
                                       part(weight, column + columns), a.inputs, acc);
    finish<rows, columns>(acc, row, column);
  }

  // Columns [begin, end) of a few rows [row, last), the weights fetched one tile ahead.
  void few_rows(int64_t row, int64_t last, int64_t begin, int64_t end) const {
    with_count<kFewRows>(last - row, [&](auto rows) {
      constexpr int wide = columns_for(rows.value);
      int64_t column = begin;
      for (; column + wide <= end; column += wide)
        tile<rows.value, wide, wide>(row, column);
      for (; column < end; ++column)
        tile<rows.value, 1, 0>(row, column);
    });
  }

  // Columns [begin, end) of the weights, as T.
  Matrix<T> block(int64_t begin, [[maybe_unused]] int64_t end) const {
    if constexpr (kSame) {
      return part(weight, begin);
    } else {
      static thread_local Room room;
      const int64_t count = (end - begin) * a.inputs; // whole rows: they lie side by side
      T *wide = static_cast<T *>(room.get(static_cast<size_t>(count) * sizeof(T)));
      const W *packed = weight.row(begin);
      strides(count, [&](int64_t i, int lanes) {
        if (lanes == kLanes)
          store(wide + i, load(packed + i));
        else
          store_some(wide + i, load_some(packed + i, lanes), lanes);
      });
      return {wide, a.inputs};
    }
  }

  // Columns [begin, end) of rows [row, last), in tiles of nearly even heights.
  void many_rows(int64_t row, int64_t last, int64_t begin, int64_t end) const {
    const int64_t tiles = ceil_div(last - row, kTileRows);
    const Matrix<T> wide = block(begin, end);
    int64_t next = end - begin; // the row of weights to be fetched for the block that comes after
    for (int64_t i = 0; i < tiles; ++i) {
      const int64_t top = row + (last - row) * i / tiles;
      const int64_t bottom = row + (last - row) * (i + 1) / tiles;
      with_count<kTileRows>(
          bottom - top, [&](auto rows) { tiles_of_rows<rows.value>(wide, top, begin, end, next); });
    }
  }

  // The same for one row of tiles. Chunk after chunk of the inputs, each for all columns.
  template <int rows>
  void tiles_of_rows(Matrix<T> wide, int64_t row, int64_t begin, int64_t end, int64_t &next) const {
    constexpr int count = rows * kColumns, fetched = kSame ? 2 : 0;
    const int64_t chunk = chunk_width(), last = begin + (end - begin) / kColumns * kColumns;
    Vec partial[kBlockColumns / kColumns][count];
    for (int64_t k = 0; k < a.inputs; k += chunk) {
      const int64_t width = at_most(chunk, a.inputs - k);
      for (int64_t column = begin; column < last; column += kColumns, next += 2) {
        Vec *kept = partial[(column - begin) / kColumns], sum[count];
        for (int v = 0; v < count; ++v)
          sum[v] = k == 0 ? zero() : kept[v];
        accumulate<rows, kColumns, fetched>(from(x, row, k), from(wide, column - begin, k),
                                            part(wide, next), width, sum);
        if (k + chunk >= a.inputs)
          finish<rows, kColumns>(sum, row, column);
        else
          for (int v = 0; v < count; ++v)
            kept[v] = sum[v];
      }
    }
    for (int64_t column = last; column < end; ++column)
      tile<rows, 1, 0>(row, column);
  }

  // Whether each tile of rows takes all inputs at once: more than one only where they stay in L1.
  bool are_few(int64_t rows) const {
    const bool close = kFewRows * a.inputs * static_cast<int64_t>(sizeof(T)) <= kCloseBytes;
    if constexpr (kSame)
      return rows <= (close ? kFewTiles * kFewRows : kTileRows);
    else
      return rows <= kNarrowTiles * kTileRows;
  }

  // Inputs of a chunk: whole steps, so that the cuts change no lane's order.
  int64_t chunk_width() const {
    const int64_t chunks = ceil_div(a.inputs * static_cast<int64_t>(sizeof(T)), kChunkBytes);
    return ceil_div(ceil_div(a.inputs, chunks), Dot<T>::kStep) * Dot<T>::kStep;
  }

  void run(Worker &worker) const {
    const bool few = are_few(a.rows);
    const int64_t row_bytes = a.inputs * static_cast<int64_t>(few ? sizeof(W) : sizeof(T));
    const int64_t fitting = (few ? kStretchBytes : kBlockBytes) / row_bytes;
    const int64_t share = ceil_div(a.outputs, worker.threads * 4);
    const int64_t width =
        at_most(kBlockColumns, 8 * ceil_div(at_least(at_most(fitting, share), 1), 8));
    const int64_t down = ceil_div(a.rows, kBlockRows);
    worker.for_each(ceil_div(a.outputs, width) * down, [&](int64_t task) {
      const int64_t begin = task / down * width, end = at_most(begin + width, a.outputs);
      const int64_t row = task % down * kBlockRows, last = at_most(row + kBlockRows, a.rows);
      if (few)
        for (int64_t i = 0, tiles = ceil_div(last - row, kFewRows); i < tiles; ++i)
          few_rows(row + (last - row) * i / tiles, row + (last - row) * (i + 1) / tiles, begin,
                   end);
      else
        many_rows(row, last, begin, end);
    });
  }

private:
  template <class M>
  static Matrix<M> part(Matrix<M> of, int64_t row) {
    return {of.row(row), of.stride};
  }
  static Matrix<T> from(Matrix<T> of, int64_t row, int64_t k) {
    return {of.row(row) + k, of.stride};
  }
};

template <class T, class W>
void product(const LinearArgs &a, Worker &worker) {
  const Matrix<T> x{static_cast<const T *>(a.x), a.x_stride};
  const Matrix<W> weight{static_cast<const W *>(a.weight), a.inputs};
  if (a.out_type == DType::f32)
    Product<T, W, float>{a, x, weight}.run(worker);
  else
    Product<T, W, T>{a, x, weight}.run(worker);
}

} // namespace

void linear(const void *args, Worker &worker) {
  const auto &a = *static_cast<const LinearArgs *>(args);
  with_type(a.type, [&](auto type) {
    using T = decltype(type);
    if (a.scales == nullptr)
      product<T, T>(a, worker);
    else
      product<T, e4m3>(a, worker);
  });
}

} // namespace proxyfuse::cpu::PROXYFUSE_ISA
