#include "options.h"

#include <functional>
#include <map>
#include <stdexcept>

namespace {

// A whole number from least to most; the whole of the text, or it is none.
long long number(const std::string &text, long long least, long long most) {
  std::size_t read = 0;
  long long value = 0;
  try {
    value = std::stoll(text, &read);
  } catch (const std::logic_error &) {
  }
  if (read == 0 || read != text.size() || value < least || value > most)
    throw std::invalid_argument("got " + text + ", want " + std::to_string(least) + " to " +
                                std::to_string(most));
  return value;
}

} // namespace

Options parse_options(int argc, char **argv) {
  Options options;
  const std::map<std::string, std::function<void(const std::string &)>> flags = {
      {"--base", [&](const auto &value) { options.engine.base = value; }},
      {"--expert", [&](const auto &value) { options.engine.expert = value; }},
      {"--antiexpert", [&](const auto &value) { options.engine.antiexpert = value; }},
      {"--venv", [&](const auto &value) { options.engine.venv = value; }},
      {"--device", [&](const auto &value) { options.engine.device = value; }},
      {"--threads",
       [&](const auto &value) { options.engine.num_threads = number(value, 1, 1024); }},
      {"--host", [&](const auto &value) { options.host = value; }},
      {"--port", [&](const auto &value) { options.port = int(number(value, 0, 65535)); }},
      {"--seats", [&](const auto &value) { options.seats = size_t(number(value, 1, 4096)); }},
      {"--drain-seconds",
       [&](const auto &value) { options.drain = std::chrono::seconds(number(value, 0, 86400)); }},
  };
  std::string usage = "usage: service --base FOLDER [--expert FOLDER --antiexpert FOLDER], and of";
  for (const auto &known : flags)
    usage += ' ' + known.first;
  for (int i = 1; i < argc; i += 2) {
    const auto flag = flags.find(argv[i]);
    if (flag == flags.end() || i + 1 == argc)
      throw std::invalid_argument(usage);
    try {
      flag->second(argv[i + 1]);
    } catch (const std::invalid_argument &error) {
      throw std::invalid_argument(flag->first + ": " + error.what());
    }
  }
  options.engine.max_pending = options.seats;
  return options;
}
