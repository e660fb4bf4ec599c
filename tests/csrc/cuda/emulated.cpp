// The sampler as it is, on the emulated chip, for a caller who knows C only.
#include <proxyfuse/sampler_cuda.h>

#include "emulation/machine.h"

#include <cstdio>

namespace {

struct Role {
  const void *data;
  std::int64_t rows, stride, type;
};

// Copied as they lie in memory: DeviceRows and DeviceDraws are pointers in the order of the header.
struct Call {
  std::int64_t vocab, rows, major, shared_bytes, dice, launches;
  Role roles[3];
  proxyfuse::DeviceRows columns;
  proxyfuse::DeviceDraws draws;
};

proxyfuse::Logits logits_of(const Role &role) {
  return {role.data, static_cast<std::size_t>(role.rows), static_cast<std::size_t>(role.stride),
          static_cast<proxyfuse::LogitType>(role.type)};
}

} // namespace

// Draws `launches` times into the same memory. Returns what was thrown, or an empty string.
extern "C" const char *sample(const Call *call) {
  static char said[512];
  said[0] = 0;
  emulation::chip() = {static_cast<int>(call->major),
                       static_cast<int>(call->shared_bytes),
                       static_cast<std::uint64_t>(call->dice),
                       {}};
  try {
    proxyfuse::SampleReport widest;
    widest.rank = widest.roles = true;
    widest.top = call->draws.top;
    proxyfuse::CudaSampler sampler(static_cast<std::size_t>(call->vocab),
                                   static_cast<std::size_t>(call->rows), widest);
    const auto &[base, expert, antiexpert] = call->roles;
    for (std::int64_t i = 0; i < call->launches; ++i)
      sampler.launch({logits_of(base), logits_of(expert), logits_of(antiexpert)}, call->columns,
                     call->draws, nullptr);
  } catch (const proxyfuse::LogitsError &error) {
    std::snprintf(said, sizeof said, "LogitsError: %s", error.what());
  } catch (const proxyfuse::ParameterError &error) {
    std::snprintf(said, sizeof said, "ParameterError: %s", error.what());
  } catch (const std::exception &error) {
    std::snprintf(said, sizeof said, "another error: %s", error.what());
  }
  return said;
}
