// Takes one turn for each line "STREAMS TOKENS CROWDS" that it reads: so many crowds of streams,
// one crowd after another. Answers with a line of JSON: the medians over streams of microseconds
// from submit to the first callback and per token after that, microseconds of all threads' work
// per token, and the tokens themselves.
//   turns THREADS BASE EXPERT ANTIEXPERT
#include <proxyfuse/engine.h>

#include <algorithm>
#include <chrono>
#include <ctime>
#include <iostream>
#include <iterator>
#include <vector>

namespace {

using Clock = std::chrono::steady_clock;
using Microseconds = std::chrono::duration<double, std::micro>;

struct Stream {
  Clock::time_point begun, first, last;
  std::vector<proxyfuse::TokenId> tokens;
  std::size_t first_tokens = 0; // that came with the first callback

  double first_us() const { return Microseconds(first - begun).count(); }
  double token_us() const {
    const std::size_t later = std::max<std::size_t>(1, tokens.size() - first_tokens);
    return Microseconds(last - first).count() / static_cast<double>(later);
  }
};

void hear(Stream &stream, const proxyfuse::Output &news) {
  const Clock::time_point now = Clock::now();
  const std::vector<proxyfuse::TokenId> &fresh = news.outputs[0].token_ids;
  if (stream.tokens.empty()) {
    stream.first = now;
    stream.first_tokens = fresh.size();
  }
  stream.tokens.insert(stream.tokens.end(), fresh.begin(), fresh.end());
  stream.last = now;
}

// One crowd: all are submitted, then all are waited for.
void run(proxyfuse::Engine &engine, std::vector<Stream> &streams, std::int64_t tokens) {
  std::vector<proxyfuse::RequestId> ids;
  for (std::size_t at = 0; at < streams.size(); ++at) {
    Stream &stream = streams[at];
    proxyfuse::Request request{"Q: " + std::to_string(at) + " + 1 = ?\n"};
    request.params.max_tokens = tokens;
    request.params.ignore_eos = true;
    request.params.seed = at;
    stream.tokens.reserve(static_cast<std::size_t>(tokens));
    stream.begun = Clock::now();
    ids.push_back(
        engine.submit(request, [&stream](const proxyfuse::Output &news) { hear(stream, news); }));
  }
  for (const proxyfuse::RequestId id : ids)
    engine.await(id);
}

// As Python's statistics.median has it.
double median(std::vector<double> values) {
  std::sort(values.begin(), values.end());
  return (values[(values.size() - 1) / 2] + values[values.size() / 2]) / 2;
}

void answer(const std::vector<Stream> &streams, double work_us) {
  std::vector<double> first, token;
  std::size_t written = 0;
  for (const Stream &stream : streams) {
    first.push_back(stream.first_us());
    token.push_back(stream.token_us());
    written += stream.tokens.size();
  }
  std::cout << "{\"first_us\": " << median(first) << ", \"token_us\": " << median(token)
            << ", \"cpu_us\": " << work_us / static_cast<double>(written) << ", \"tokens\": [";
  for (const Stream &stream : streams) {
    std::cout << (&stream == &streams[0] ? "[" : ", [");
    for (std::size_t at = 0; at < stream.tokens.size(); ++at)
      std::cout << (at ? "," : "") << stream.tokens[at];
    std::cout << ']';
  }
  std::cout << "]}" << std::endl;
}

void turn(proxyfuse::Engine &engine, std::size_t count, std::int64_t tokens, std::size_t crowds) {
  std::vector<Stream> all;
  const std::clock_t worked = std::clock();
  for (std::size_t crowd = 0; crowd < crowds; ++crowd) {
    std::vector<Stream> streams(count);
    run(engine, streams, tokens);
    std::move(streams.begin(), streams.end(), std::back_inserter(all));
  }
  answer(all, 1e6 * static_cast<double>(std::clock() - worked) / CLOCKS_PER_SEC);
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
  std::size_t streams = 0, crowds = 0;
  std::int64_t tokens = 0;
  while (std::cin >> streams >> tokens >> crowds)
    turn(engine, streams, tokens, crowds);
}
