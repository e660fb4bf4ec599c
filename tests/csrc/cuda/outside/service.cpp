// Makes a sampler, with a GPU or without: what is refused, and how, is the same for any program.
#include <proxyfuse/sampler_cuda.h>

#include <cstdio>
#include <utility>

namespace {

bool refuses(std::size_t vocabulary, std::size_t rows) {
  try {
    proxyfuse::CudaSampler(vocabulary, rows);
    return false;
  } catch (const proxyfuse::ParameterError &) {
    return true;
  }
}

bool refuses_a_launch(proxyfuse::CudaSampler sampler) {
  try {
    const float base[2] = {};
    sampler.launch({{base, 2, 32000}, {}, {}}, {}, {}, nullptr);
    return false;
  } catch (const proxyfuse::ParameterError &error) {
    std::printf("%s\n", error.what());
    return true;
  }
}

} // namespace

int main() {
  if (!refuses(0, 1) || !refuses((std::size_t{1} << 22) + 1, 1) || !refuses(5, 0))
    return 1;
  try {
    proxyfuse::CudaSampler sampler(32000, 64);
    std::printf("a GPU, %s clusters\n", sampler.clustered() ? "with" : "without");
    return refuses_a_launch(std::move(sampler)) ? 0 : 1;
  } catch (const proxyfuse::CudaError &error) {
    std::printf("no GPU: %s, code %d\n", error.what(), error.code);
    return error.code != 0 ? 0 : 1;
  }
}
