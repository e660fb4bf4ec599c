// The fused sampler of <proxyfuse/sampler.h> on an NVIDIA GPU: the same rows give the same tokens.
//
// Logits, parameters and draws are device memory, and a launch is one kernel on the caller's
// stream: nothing is copied, nothing is allocated, and no call but the constructor and the
// destructor waits for the device. A launch can be captured in a CUDA graph; each replay reads the
// columns anew. C++17; needs no CUDA header, for a stream is named by the type that it points at.
//
//     proxyfuse::CudaSampler sampler(32000, 64); // vocabulary, most rows of a launch
//     proxyfuse::DeviceRows rows;                // what stays null is SampleRow's default
//     rows.temperature = temperatures;           // device pointers, one value a row
//     rows.seed = seeds;
//     rows.position = positions;
//     proxyfuse::DeviceDraws draws;
//     draws.tokens = tokens;
//     sampler.launch({{base, 64, 32000}, {expert, 64, 32000}, {anti, 64, 32000}}, rows, draws,
//                    stream);
#pragma once

#include "proxyfuse/sampler.h"

struct CUstream_st; // cudaStream_t and CUstream are pointers to it

namespace proxyfuse {

// What the CUDA runtime refused or failed at; `code` is its cudaError_t.
class PROXYFUSE_API CudaError : public std::runtime_error {
public:
  CudaError(const std::string &what, int code) : std::runtime_error(what), code(code) {}
  const int code;
};

// SampleRow by columns, in device memory: one value for each row of base. A column that is null
// stands for SampleRow's default. Nobody looks at the values before the kernel does: one that
// SampleRow forbids spoils its own row's draw, but offsets must lie inside their arrays.
struct DeviceRows {
  const float *alpha = nullptr, *temperature = nullptr;
  const std::int32_t *top_k = nullptr; // without these three, no row keeps its logits in memory
  const float *top_p = nullptr, *min_p = nullptr;
  const float *repetition_penalty = nullptr, *presence_penalty = nullptr;
  const float *frequency_penalty = nullptr;
  const std::int64_t *seed = nullptr;
  const std::int32_t *stream = nullptr, *position = nullptr;

  // Row s has read history[start[s] .. split[s]) and written history[split[s] .. end[s]).
  const std::int32_t *history = nullptr;
  const std::int32_t *history_start = nullptr, *history_split = nullptr, *history_end = nullptr;

  // Row s adds bias_values[i] to bias_ids[i], i in [bias_start[s], bias_start[s + 1]), in order.
  const std::int32_t *bias_ids = nullptr, *bias_start = nullptr; // [rows + 1]
  const float *bias_values = nullptr;

  // Bit v % 32 of allowed[allowed_row[s] * allowed_stride + v / 32] allows id v to row s.
  const std::uint32_t *allowed = nullptr;
  const std::int32_t *allowed_row = nullptr;
  std::size_t allowed_stride = 0; // words

  const std::int32_t *given = nullptr; // where is_given, report on this token and draw none
  const bool *is_given = nullptr;
};

// Draw by columns, in device memory. What is null is not written; tokens must be there.
struct DeviceDraws {
  std::int32_t *tokens = nullptr;
  bool *finite = nullptr;
  float *logprobs = nullptr, *logsumexp = nullptr;
  std::int32_t *ranks = nullptr;
  float *role_logprobs = nullptr;  // [rows, 3]
  std::int32_t *top_ids = nullptr; // [rows, top], both or neither
  float *top_logprobs = nullptr;
  std::size_t top = 0;
};

// Draws a token a row on the device that was current when it was made, and holds what it needs
// there. Launches of one sampler use the same memory: they must follow each other, on one stream or
// by events. Different samplers are independent.
class PROXYFUSE_API CudaSampler {
public:
  // vocabulary: ids that may be drawn, 1 to 2^22. rows: the most that a launch has, 1 to 2^20.
  // widest: what launches will ask for beside the draw. Throws ParameterError, CudaError.
  CudaSampler(std::size_t vocabulary, std::size_t rows,
              const SampleReport &widest = SampleReport());
  ~CudaSampler(); // waits for what was launched
  CudaSampler(CudaSampler &&) noexcept;
  CudaSampler &operator=(CudaSampler &&) noexcept;

  // One draw for each row of base. All pointers are the device's, and what they point at must last
  // until the kernel has run. Returns before it has. Throws LogitsError, ParameterError, CudaError;
  // nothing was launched then.
  void launch(const RoleLogits &logits, const DeviceRows &rows, const DeviceDraws &draws,
              CUstream_st *stream);

  std::size_t vocabulary() const;
  std::size_t bytes() const; // of device memory that it holds
  bool clustered() const;    // whether the blocks of a row share their memory (sm_90 and later)

private:
  class State;
  std::unique_ptr<State> state_;
};

} // namespace proxyfuse
