// <proxyfuse/sampler_cuda.h> for a caller who knows C only: bench/kernels/cuda_sampler.py.
#include <proxyfuse/sampler_cuda.h>

#include <cstdio>

namespace {

struct Role {
  const void *data;
  std::int64_t rows, stride, type;

  proxyfuse::Logits logits() const {
    return {data, static_cast<std::size_t>(rows), static_cast<std::size_t>(stride),
            static_cast<proxyfuse::LogitType>(type)};
  }
};

// DeviceRows and DeviceDraws are pointers in the order of the header.
struct Call {
  Role base, expert, antiexpert;
  proxyfuse::DeviceRows rows;
  proxyfuse::DeviceDraws draws;
  CUstream_st *stream;
};

// What was thrown, or an empty string.
template <class Body>
const char *said_by(Body body) {
  static char said[512];
  said[0] = 0;
  try {
    body();
  } catch (const proxyfuse::LogitsError &error) {
    std::snprintf(said, sizeof said, "LogitsError: %s", error.what());
  } catch (const proxyfuse::ParameterError &error) {
    std::snprintf(said, sizeof said, "ParameterError: %s", error.what());
  } catch (const std::exception &error) {
    std::snprintf(said, sizeof said, "another error: %s", error.what());
  }
  return said;
}

} // namespace

#define ENTRY extern "C" __attribute__((visibility("default")))

// For launches of up to so many rows that may ask for everything.
ENTRY const char *make(std::int64_t vocab, std::int64_t rows, std::int64_t top, void **made) {
  return said_by([&] {
    const proxyfuse::SampleReport widest{static_cast<std::size_t>(top), true, true};
    *made = new proxyfuse::CudaSampler(static_cast<std::size_t>(vocab),
                                       static_cast<std::size_t>(rows), widest);
  });
}

ENTRY const char *launch(void *sampler, const Call *call) {
  return said_by([&] {
    static_cast<proxyfuse::CudaSampler *>(sampler)->launch(
        {call->base.logits(), call->expert.logits(), call->antiexpert.logits()}, call->rows,
        call->draws, call->stream);
  });
}

ENTRY void drop(void *sampler) { delete static_cast<proxyfuse::CudaSampler *>(sampler); }
