// Writes one continuation to stdout as it comes, and to stderr how it ended and how fast it was.
#include <proxyfuse/engine.h>

#include <chrono>
#include <cstdio>
#include <functional>
#include <map>
#include <stdexcept>
#include <string>

int main(int argc, char **argv) {
  proxyfuse::EngineOptions options;
  proxyfuse::Request request;
  const std::map<std::string, std::function<void(const std::string &)>> flags = {
      {"--base", [&](const auto &value) { options.base = value; }},
      {"--expert", [&](const auto &value) { options.expert = value; }},
      {"--antiexpert", [&](const auto &value) { options.antiexpert = value; }},
      {"--alpha", [&](const auto &value) { options.alpha = std::stod(value); }},
      {"--venv", [&](const auto &value) { options.venv = value; }},
      {"--prompt", [&](const auto &value) { request.prompt = value; }},
      {"--max-tokens", [&](const auto &value) { request.params.max_tokens = std::stoll(value); }},
      {"--temperature", [&](const auto &value) { request.params.temperature = std::stod(value); }},
      {"--seed", [&](const auto &value) { request.params.seed = std::stoull(value); }},
  };
  try {
    for (int i = 1; i < argc; i += 2) {
      const auto flag = flags.find(argv[i]);
      if (flag == flags.end() || i + 1 == argc) {
        std::fprintf(stderr, "usage: %s, each with a value, any of:", argv[0]);
        for (const auto &known : flags)
          std::fprintf(stderr, " %s", known.first.c_str());
        std::fprintf(stderr, "\n");
        return 2;
      }
      flag->second(argv[i + 1]);
    }

    proxyfuse::Engine engine(options);
    std::size_t tokens = 0;
    proxyfuse::Output last;
    const auto begin = std::chrono::steady_clock::now();
    const auto id = engine.submit(request, [&](const proxyfuse::Output &news) {
      std::fputs(news.outputs[0].text.c_str(), stdout);
      std::fflush(stdout);
      tokens += news.outputs[0].token_ids.size();
      last = news;
    });
    engine.await(id);
    const std::chrono::duration<double> seconds = std::chrono::steady_clock::now() - begin;
    last.check();

    const char *const reasons[] = {"none", "stop", "length", "abort", "error"};
    const auto reason = static_cast<int>(last.outputs[0].finish_reason);
    std::fprintf(stderr, "\n%s after %zu tokens, %.1f tokens/s\n", reasons[reason], tokens,
                 static_cast<double>(tokens) / seconds.count());
  } catch (const std::logic_error &) { // of std::stod and the like, which say no more
    std::fprintf(stderr, "got a value that is no number, or is out of range\n");
    return 2;
  } catch (const std::exception &error) {
    std::fprintf(stderr, "%s\n", error.what());
    return 1;
  }
}
