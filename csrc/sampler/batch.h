// A batch of rows as the kernel takes them: a column for each parameter, in memory that lasts.
#pragma once

#include "proxyfuse/sampler.h"

#include "cpu/proxy_sample.h"

namespace proxyfuse {

// Room for values of one type that is kept from call to call. It only grows; growing forgets.
template <class T>
class Column {
public:
  T *room(std::size_t size) {
    if (size > capacity_) {
      const std::size_t more = size > 2 * capacity_ ? size : 2 * capacity_;
      values_.reset(); // so that old and new are never held at once
      capacity_ = 0;
      values_.reset(new T[more]);
      capacity_ = more;
    }
    return values_.get();
  }
  T *data() const { return values_.get(); }

private:
  std::unique_ptr<T[]> values_;
  std::size_t capacity_ = 0;
};

class Batch {
public:
  explicit Batch(std::size_t vocabulary);

  // What the kernel is to do, all of it checked before. Good until the next load.
  cpu::SampleArgs load(const RoleLogits &logits, View<SampleRow> rows, const SampleReport &report);
  // What the kernel has done.
  View<Draw> draws(const cpu::SampleArgs &done);

private:
  void load_numbers(View<SampleRow> rows, cpu::SampleRequests &requests);
  void load_histories(View<SampleRow> rows, cpu::SampleRequests &requests);
  void load_biases(View<SampleRow> rows, cpu::SampleRequests &requests);
  void load_masks(View<SampleRow> rows, cpu::SampleRequests &requests);
  void load_given(View<SampleRow> rows, cpu::SampleRequests &requests);
  void make_room(std::size_t rows, std::size_t top, const SampleReport &report,
                 cpu::SampleResults &results);

  const std::size_t vocabulary_;
  Column<float> floats_;
  Column<std::int32_t> ints_, spans_, bias_spans_, mask_rows_, given_;
  Column<std::int64_t> seeds_;
  Column<bool> is_given_;
  Column<std::int32_t> history_, bias_ids_, masks_;
  Column<float> bias_values_;

  Column<std::int32_t> tokens_, ranks_, top_ids_;
  Column<float> logprobs_, logsumexp_, role_logprobs_, top_logprobs_;
  Column<bool> finite_;
  Column<Draw> draws_;
  Column<Candidate> candidates_;
};

} // namespace proxyfuse
