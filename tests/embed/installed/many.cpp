// Request after request: what is resident must not grow. Prints one JSON line.
//   many REQUESTS AT_ONCE
#include "demo.h"

#include <fstream>
#include <iostream>
#include <vector>

namespace {

long resident_kilobytes() {
  std::ifstream status("/proc/self/status");
  for (std::string line; std::getline(status, line);)
    if (line.rfind("VmRSS:", 0) == 0)
      return std::stol(line.substr(6));
  return 0;
}

void serve(proxyfuse::Engine &engine, long first, long count) {
  std::vector<proxyfuse::RequestId> ids;
  for (long at = first; at < first + count; ++at) {
    proxyfuse::Request request{"Q: " + std::to_string(at) + " + 1 = ?"};
    request.params.max_tokens = 1 + at % 4;
    request.params.logprobs = at % 3 ? std::optional<std::int64_t>{} : 1;
    ids.push_back(engine.submit(request, [](const proxyfuse::Output &) {}));
    if (at % 7 == 0)
      engine.cancel(ids.back());
  }
  for (const auto id : ids)
    engine.await(id);
}

} // namespace

int main(int argc, char **argv) {
  const long requests = argc > 1 ? std::stol(argv[1]) : 10000;
  const long at_once = argc > 2 ? std::stol(argv[2]) : 16;
  constexpr long TENTHS = 10;
  proxyfuse::EngineOptions options = demo();
  options.kv_cache_bytes = 1 << 21; // soon full of prefixes, which are then reused
  proxyfuse::Engine engine(options);
  std::cout << "{\"requests\": " << requests << ", \"resident_kb\": [";
  for (long tenth = 0; tenth < TENTHS; ++tenth) {
    for (long done = 0; done < requests / TENTHS; done += at_once)
      serve(engine, tenth * requests / TENTHS + done, std::min(at_once, requests / TENTHS - done));
    std::cout << (tenth ? ", " : "") << resident_kilobytes() << std::flush;
  }
  const proxyfuse::Stats stats = engine.stats();
  std::cout << "], \"finished\": " << stats.finished << ", \"aborted\": " << stats.aborted
            << ", \"failed\": " << stats.failed << "}\n";
}
