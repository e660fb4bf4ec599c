// The fused sampler over raw pointers, for programs that run the three forward passes themselves.
//
//     fused  = base + alpha * (expert - antiexpert)         float32; base itself where alpha is 0
//     shaped = fused + bias, then penalties, then -inf where not allowed
//     scaled = shaped / temperature                               (shaped itself where greedy)
//     token  = argmax over the ids kept by top-k, then top-p, then min-p of  scaled + gumbel
//
// The noise is a pure function of (seed, stream, position, token id): the same rows give the same
// tokens and the same bits on every machine, with any number of threads, beside any neighbours, and
// in Python. C++17; standard types only; runs on the CPU.
//
//     proxyfuse::Sampler sampler(32000, 4);                       // vocabulary, threads
//     std::vector<proxyfuse::SampleRow> rows(2);
//     rows[0].temperature = 0.8f;
//     rows[0].seed = 7;
//     const proxyfuse::RoleLogits logits{{base, 2, 32000}, {expert, 2, 32000}, {anti, 2, 32000}};
//     for (const proxyfuse::Draw &draw : sampler.sample(logits, rows))
//       use(draw.token, draw.logprob);
#pragma once

#include "proxyfuse/export.h"

#include <array>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <stdexcept>
#include <string>
#include <type_traits>
#include <utility>
#include <vector>

namespace proxyfuse {

// A caller's mistake: what was got and what was wanted. Nothing was drawn, and the sampler can be
// used again.
class PROXYFUSE_API SampleError : public std::invalid_argument {
public:
  using std::invalid_argument::invalid_argument;
};

// Logits that cannot be read: null, misaligned, rows that overlap, roles that do not fit together.
class PROXYFUSE_API LogitsError : public SampleError {
public:
  using SampleError::SampleError;
};

// A parameter out of its range.
class PROXYFUSE_API ParameterError : public SampleError {
public:
  using SampleError::SampleError;
};

// A mask that allows no token of the vocabulary.
class PROXYFUSE_API NothingAllowedError : public SampleError {
public:
  using SampleError::SampleError;
};

// A borrowed run of values: what std::span is from C++20 on. Converts from a vector, an array or
// anything else with data() and size().
template <class T>
class View {
public:
  View() = default;
  View(const T *data, std::size_t size) : data_(data), size_(size) {}
  template <class Run, class = std::enable_if_t<std::is_convertible_v<
                           decltype(std::declval<const Run &>().data()), const T *>>>
  View(const Run &run) : data_(run.data()), size_(run.size()) {}

  const T *data() const { return data_; }
  std::size_t size() const { return size_; }
  bool empty() const { return size_ == 0; }
  const T *begin() const { return data_; }
  const T *end() const { return data_ + size_; }
  const T &operator[](std::size_t i) const { return data_[i]; }

private:
  const T *data_ = nullptr;
  std::size_t size_ = 0;
};

enum class LogitType { float32, bfloat16, float16 };

// One role's logits: `rows` rows of at least the vocabulary's width, each contiguous. Only ids
// below the vocabulary are read: a model's wider tail may hold anything.
struct Logits {
  const void *data = nullptr;
  std::size_t rows = 0;
  std::size_t stride = 0; // elements from one row to the next; of no account with one row
  LogitType type = LogitType::float32;
};

// The three roles, each of its own type and stride. expert and antiexpert have one number of rows,
// up to base's: so many rows of base are fused, the rest are base's own. Without both, all are.
struct RoleLogits {
  Logits base, expert, antiexpert;
};

struct Bias {
  std::int32_t id;
  float value; // added to the fused logit; -inf forbids
};

// What one row asks for. Names, meanings and defaults are those of Python's SamplingParams. What
// the views point at must last until sample() has returned.
struct SampleRow {
  float alpha = 1;              // how far the experts steer; at 0 they have no say
  float temperature = 1;        // 0 is greedy
  std::int32_t top_k = 0;       // 0 keeps all; ties with the k-th value are kept
  float top_p = 1;              // (0, 1]; the fewest likeliest ids whose mass reaches it
  float min_p = 0;              // [0, 1]; keeps p >= min_p * max p
  float repetition_penalty = 1; // above 0; over prompt and generated
  float presence_penalty = 0;   // over generated
  float frequency_penalty = 0;  // over generated, times how often

  std::int64_t seed = 0;
  std::int32_t stream = 0;   // which of a request's continuations
  std::int32_t position = 0; // which token of the continuation: counts from 0, one up each step

  View<std::int32_t> prompt;         // tokens before the continuation; ids outside are passed over
  View<std::int32_t> generated;      // the continuation so far, likewise
  View<Bias> logit_bias;             // ids outside are passed over, those named twice are added up
  View<std::uint32_t> allowed;       // bit v % 32 of word v / 32 allows id v; empty allows every id
  std::optional<std::int32_t> given; // report on this token; nothing is drawn
};

// What to report beside the draw.
struct SampleReport {
  std::size_t top = 0; // so many of the likeliest ids, at most the vocabulary
  bool rank = false;
  bool roles = false;
};

struct Candidate {
  std::int32_t id;
  float logprob;
};

// What came of a row. Log-probabilities are under softmax(fused): before bias, penalties, mask and
// temperature.
struct Draw {
  std::int32_t token; // 0 unless finite
  // False where a fused logit is NaN or infinite, or where bias and mask leave nothing to draw. The
  // row's numbers are NaN then; its neighbours are unharmed.
  bool finite;
  float logprob;     // of token
  float logsumexp;   // of the fused logits
  std::int32_t rank; // 1 + how many ids have a larger fused logit; 0 unless asked
  // Token's under base, expert and antiexpert alone. NaN unless asked, or where a role is absent or
  // not finite.
  std::array<float, 3> role_logprob;
  View<Candidate> top; // likeliest first, lower id first among equals
};

// Draws a token a row. Holds its threads and buffers from call to call: once those have met the
// largest batch, longest history and widest report, a call allocates nothing.
//
// Calls of one Sampler must not overlap, and are refused with std::logic_error where they do.
// Different ones are independent. Threads wait awake for a millisecond after a call, then sleep. A
// forked child may go on with its copy.
class PROXYFUSE_API Sampler {
public:
  // vocabulary: ids that may be drawn, 1 to 2^24. threads: with the caller, 1 to 1024; a batch of
  // few ids is drawn by the caller alone. instruction_set: one of instruction_sets(), empty for the
  // fastest. Throws ParameterError, std::bad_alloc.
  explicit Sampler(std::size_t vocabulary, int threads = 1,
                   const std::string &instruction_set = std::string());
  ~Sampler();
  Sampler(Sampler &&) noexcept; // what was moved from can be assigned to, or end
  Sampler &operator=(Sampler &&) noexcept;

  // One draw for each row of base, in order. rows: as many. The view is of memory of this sampler:
  // it is good until its next call or its end. Throws SampleError, std::bad_alloc, and
  // std::system_error where threads cannot be had.
  View<Draw> sample(const RoleLogits &logits, View<SampleRow> rows,
                    const SampleReport &report = SampleReport());

  std::size_t vocabulary() const;
  const std::string &instruction_set() const;

  // Those that this machine runs, the fastest first.
  static std::vector<std::string> instruction_sets();

private:
  class State;
  std::unique_ptr<State> state_;
};

} // namespace proxyfuse
