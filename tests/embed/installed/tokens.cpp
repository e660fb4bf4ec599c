// Prints what it is told of one prompt, for comparison with what Python writes.
//   tokens PROMPT TEMPERATURE SEED N        one line of ids for each of the n, then its text
#include "demo.h"

#include <iostream>
#include <map>

int main(int argc, char **argv) {
  if (argc != 5)
    return 2;
  proxyfuse::Request request{argv[1]};
  request.params.temperature = std::stod(argv[2]);
  request.params.seed = std::stoull(argv[3]);
  request.params.n = std::stoll(argv[4]);
  request.params.max_tokens = 24;
  std::map<std::int64_t, proxyfuse::Completion> written;
  try {
    proxyfuse::Engine engine(demo());
    engine.await(engine.submit(request, [&](const proxyfuse::Output &news) {
      for (const auto &one : news.outputs) {
        auto &whole = written[one.index];
        whole.text += one.text;
        whole.token_ids.insert(whole.token_ids.end(), one.token_ids.begin(), one.token_ids.end());
      }
    }));
  } catch (const proxyfuse::ProxyFuseError &error) {
    std::cerr << error.what() << '\n';
    return 1;
  }
  for (const auto &[index, one] : written) {
    for (const proxyfuse::TokenId id : one.token_ids)
      std::cout << id << ' ';
    std::cout << '\n' << one.text << '\0';
  }
}
