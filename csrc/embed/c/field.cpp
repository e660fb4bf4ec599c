#include "field.h"

#include <charconv>
#include <stdexcept>

namespace proxyfuse::c {
namespace {

// std::from_chars knows no locale: a decimal point is a point in every program.
template <class T>
void read_number(std::string_view text, T &value, const char *wanted) {
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc{} || end != text.data() + text.size())
    throw std::invalid_argument(wanted);
}

} // namespace

void read(std::string_view text, std::int64_t &value) {
  read_number(text, value, "a whole number of 64 bits");
}

void read(std::string_view text, std::uint64_t &value) {
  read_number(text, value, "a whole number of 64 bits, at least 0");
}

void read(std::string_view text, std::int32_t &value) {
  read_number(text, value, "a whole number of 32 bits");
}

void read(std::string_view text, double &value) { read_number(text, value, "a decimal number"); }

void read(std::string_view text, bool &value) {
  if (text != "true" && text != "false")
    throw std::invalid_argument("true or false");
  value = text == "true";
}

void read(std::string_view text, std::string &value) { value = text; }

void read(std::string_view text, std::chrono::milliseconds &value) {
  std::int64_t count = 0;
  read(text, count);
  value = std::chrono::milliseconds{count};
}

void read(std::string_view text, std::map<std::int32_t, double> &value) {
  const std::size_t middle = text.find('=');
  if (middle == std::string_view::npos)
    throw std::invalid_argument("a token id, an equals sign and a number");
  std::int32_t id = 0;
  double number = 0;
  read(text.substr(0, middle), id);
  read(text.substr(middle + 1), number);
  value[id] = number;
}

} // namespace proxyfuse::c
