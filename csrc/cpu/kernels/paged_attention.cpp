// Attention of rows of queries over the pages of their lanes.
//
// Keys are taken in blocks that begin at multiples of kBlockKeys, with a running maximum and sum
// for each query. A query's arithmetic depends on its position and its keys alone: neither pages,
// nor the other rows that a block is read for, nor threads enter into it.
#include "../simd/math.h"
#include "dot.h"
#include "kernels.h"
#include "mix.h"

namespace proxyfuse::cpu::PROXYFUSE_ISA {
namespace {

constexpr int kQueries = 32;       // of a task: rows times heads
constexpr int kHeadsTogether = 16; // of a task, all of one key head
constexpr float kLeast = -__builtin_inff();

int64_t ceil_div(int64_t a, int64_t b) { return (a + b - 1) / b; }

Span keys_of_row(const AttentionArgs &a, int64_t row) {
  const int64_t end = a.positions[row] + int64_t{1};
  return {at_least(0, end - a.window), end};
}

// One query's softmax so far: the sum of exp(score - largest). The sum of that times the values is
// kept beside it.
struct Running {
  float largest = kLeast, sum = 0;
};

// scores[j] = query . key j, for one register of keys
template <class T>
void dots_of_keys(const T *query, const T *const *keys, int64_t width, float *scores) {
  using D = Dot<T>;
  Vec acc[kLanes];
#pragma GCC unroll 16
  for (int j = 0; j < kLanes; ++j)
    acc[j] = zero();
  const auto step = [&](auto load, int64_t c) {
    const auto q = load(query + c);
#pragma GCC unroll 16
    for (int j = 0; j < kLanes; ++j)
      acc[j] = D::add(q, load(keys[j] + c), acc[j]);
  };
  int64_t c = 0;
  for (; c + D::kStep <= width; c += D::kStep)
    step([](const T *p) { return D::load(p); }, c);
  if (const int rest = static_cast<int>(width - c); rest > 0)
    step([rest](const T *p) { return D::load_some(p, rest); }, c);
  sums<kLanes>(acc, scores);
}

// weights[j] = exp(score of key j - largest so far) for `keys` of the block, else 0, over whole
// registers. Returns by how much sums made with the previous maximum shrink.
template <class T>
float weigh(const AttentionArgs &a, const T *query, const Block<T> &block, Span keys,
            Running &running, float *weights) {
  const int64_t first = keys.begin / kLanes * kLanes, last = ceil_div(keys.end, kLanes) * kLanes;
  Vec most = set1(running.largest);
  for (int64_t j = first; j < last; j += kLanes) {
    dots_of_keys(query, block.at + j, a.head_size, weights + j);
    Vec s = load(weights + j) * set1(a.scale);
    if (a.softcap > 0)
      s = set1(a.softcap) * tanh(s / set1(a.softcap));
    store(weights + j, s);
    for (int64_t i = j; i < j + kLanes; ++i)
      if (i < keys.begin || i >= keys.end)
        weights[i] = kLeast;
    most = max(most, load(weights + j));
  }
  const float before = running.largest;
  running.largest = largest(most);
  Vec total = zero();
  for (int64_t j = first; j < last; j += kLanes) {
    const Vec weight = exp(load(weights + j) - set1(running.largest));
    store(weights + j, weight);
    total = total + weight;
  }
  const float keep = scalar_exp(before - running.largest);
  running.sum = running.sum * keep + sum(total);
  return keep;
}

// What one task computes: some rows of one lane, some query heads of one key head.
template <class T>
struct Attention {
  const AttentionArgs &a;
  int64_t head, heads, key_head;

  void run(int64_t row, int64_t last) const {
    alignas(64) float mixed[kQueries * kMostHeadSize];
    Running running[kQueries];
    for (int64_t i = 0; i < (last - row) * heads * a.head_size; ++i)
      mixed[i] = 0;
    Span wanted = keys_of_row(a, row);
    for (int64_t r = row + 1; r < last; ++r) {
      const Span keys = keys_of_row(a, r);
      wanted = {at_most(wanted.begin, keys.begin), at_least(wanted.end, keys.end)};
    }
    const int32_t *pages = a.page_table + a.lanes[row] * a.table_stride;
    Block<T> block;
    for (block.begin = wanted.begin / kBlockKeys * kBlockKeys; block.begin < wanted.end;
         block.begin += kBlockKeys) {
      locate(a, pages, key_head, wanted, block);
      for (int64_t r = row; r < last; ++r)
        absorb(block, r, running + (r - row) * heads, mixed + (r - row) * heads * a.head_size);
    }
    for (int64_t r = row; r < last; ++r)
      finish(r, running + (r - row) * heads, mixed + (r - row) * heads * a.head_size);
  }

private:
  void absorb(const Block<T> &block, int64_t row, Running *running, float *mixed) const {
    Span keys = overlap(keys_of_row(a, row), {block.begin, block.begin + kBlockKeys});
    if (keys.begin >= keys.end)
      return;
    keys = {keys.begin - block.begin, keys.end - block.begin};
    alignas(64) float weights[kHeadsTogether * kBlockKeys];
    float keep[kHeadsTogether];
    const T *query = static_cast<const T *>(a.qkv) + row * a.qkv_stride + head * a.head_size;
    for (int64_t h = 0; h < heads; ++h)
      keep[h] =
          weigh(a, query + h * a.head_size, block, keys, running[h], weights + h * kBlockKeys);
    mix(block, a.cache.value_offset, keys, heads, weights, keep, mixed, a.head_size);
  }

  void finish(int64_t row, const Running *running, const float *mixed) const {
    T *out = static_cast<T *>(a.out) + row * a.out_stride + head * a.head_size;
    for (int64_t h = 0; h < heads; ++h)
      strides(a.head_size, [&](int64_t c, int lanes) {
        const Vec total = load_some(mixed + h * a.head_size + c, lanes);
        store_some(out + h * a.head_size + c, total / set1(running[h].sum), lanes);
      });
  }
};

// Rows [row, last), a run of equal lanes at a time.
template <class T>
void lanes_of_rows(const Attention<T> &attention, int64_t row, int64_t last) {
  while (row < last) {
    int64_t next = row + 1;
    while (next < last && attention.a.lanes[next] == attention.a.lanes[row])
      ++next;
    attention.run(row, next);
    row = next;
  }
}

} // namespace

void paged_attention(const void *args, Worker &worker) {
  const auto &a = *static_cast<const AttentionArgs *>(args);
  const int64_t group = a.heads / a.key_heads, width = at_most(group, kHeadsTogether);
  const int64_t parts = ceil_div(group, width), across = a.key_heads * parts;
  int64_t height = kQueries / width;
  while (height > 1 && ceil_div(a.rows, height) * across < 4 * worker.threads)
    height /= 2;
  with_type(a.type, [&](auto type) {
    worker.for_each(ceil_div(a.rows, height) * across, [&](int64_t task) {
      const int64_t key_head = task % across / parts, first = task % across % parts * width;
      const int64_t row = task / across * height;
      lanes_of_rows(Attention<decltype(type)>{a, key_head * group + first,
                                              at_most(width, group - first), key_head},
                    row, at_most(row + height, a.rows));
    });
  });
}

} // namespace proxyfuse::cpu::PROXYFUSE_ISA
