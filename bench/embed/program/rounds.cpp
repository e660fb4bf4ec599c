// Runs one round for each line "STREAMS TOKENS" that it reads, and answers with a line of JSON:
// microseconds from submit to the first callback, per token of each stream after that, and of all
// threads' work per token of all streams.
//   rounds THREADS BASE EXPERT ANTIEXPERT
#include <proxyfuse/engine.h>

#include <algorithm>
#include <chrono>
#include <ctime>
#include <iostream>
#include <vector>

namespace {

using Clock = std::chrono::steady_clock;
using Microseconds = std::chrono::duration<double, std::micro>;

struct Stream {
  Clock::time_point begun, first, last;
  std::size_t tokens = 0;
  std::size_t first_tokens = 0; // that came with the first callback
};

void hear(Stream &stream, const proxyfuse::Output &news) {
  const Clock::time_point now = Clock::now();
  const std::size_t tokens = news.outputs[0].token_ids.size();
  if (stream.tokens == 0) {
    stream.first = now;
    stream.first_tokens = tokens;
  }
  stream.tokens += tokens;
  stream.last = now;
}

void round(proxyfuse::Engine &engine, std::size_t count, std::int64_t tokens) {
  const std::clock_t worked = std::clock();
  std::vector<Stream> streams(count);
  std::vector<proxyfuse::RequestId> ids;
  for (std::size_t at = 0; at < count; ++at) {
    proxyfuse::Request request{"Q: " + std::to_string(at) + " + 1 = ?\n", {}, {}};
    request.params.max_tokens = tokens;
    request.params.ignore_eos = true;
    request.params.seed = at;
    streams[at].begun = Clock::now();
    ids.push_back(engine.submit(
        request, [&stream = streams[at]](const proxyfuse::Output &news) { hear(stream, news); }));
  }
  for (const proxyfuse::RequestId id : ids)
    engine.await(id);
  const double work = 1e6 * static_cast<double>(std::clock() - worked) / CLOCKS_PER_SEC /
                      static_cast<double>(count) / static_cast<double>(tokens);
  double first = 0, each = 0;
  for (const Stream &stream : streams) {
    first += Microseconds(stream.first - stream.begun).count();
    each += Microseconds(stream.last - stream.first).count() /
            static_cast<double>(std::max<std::size_t>(1, stream.tokens - stream.first_tokens));
  }
  const auto n = static_cast<double>(count);
  std::cout << "{\"first_us\": " << first / n << ", \"token_us\": " << each / n
            << ", \"cpu_us\": " << work << "}" << std::endl;
}

} // namespace

int main(int argc, char **argv) {
  if (argc != 5)
    return 2;
  proxyfuse::EngineOptions options;
  options.base = argv[2], options.expert = argv[3], options.antiexpert = argv[4];
  options.num_threads = std::stoll(argv[1]);
  options.device = "cpu";
  options.speculate = 0;
  options.kv_cache_bytes = 1 << 27;
  proxyfuse::Engine engine(options);
  std::size_t streams = 0;
  std::int64_t tokens = 0;
  while (std::cin >> streams >> tokens)
    round(engine, streams, tokens);
}
