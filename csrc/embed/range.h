// "NAME: got X, want ...": the one way in which a value is refused.
#pragma once

#include <cmath>
#include <cstdint>
#include <limits>
#include <locale>
#include <optional>
#include <sstream>
#include <string>

namespace proxyfuse::embed {

constexpr double FLOAT32_MOST = 3.4e38; // values reach the sampler in float32

template <class T>
std::string shown(const T &value) {
  std::ostringstream text;
  text.imbue(std::locale::classic());
  text.precision(std::numeric_limits<double>::max_digits10 - 2);
  text << value;
  return text.str();
}

// Throws `Error` unless `good`.
template <class Error, class T>
void want(bool good, const std::string &name, const T &got, const std::string &wanted) {
  if (!good)
    throw Error(name + ": got " + shown(got) + ", want " + wanted);
}

template <class Error>
void want_whole(const std::string &name, std::int64_t got, std::int64_t least, std::int64_t most) {
  want<Error>(got >= least && got <= most, name, got,
              "a whole number from " + shown(least) + " to " + shown(most));
}

template <class Error>
void want_whole(const std::string &name, std::optional<std::int64_t> got, std::int64_t least,
                std::int64_t most) {
  if (got)
    want_whole<Error>(name, *got, least, most);
}

// Comparisons are written so that NaN fails them.
template <class Error>
void want_number(const std::string &name, double got, double least, double most) {
  want<Error>(got >= least && got <= most, name, got,
              "a number from " + shown(least) + " to " + shown(most));
}

template <class Error>
void want_positive(const std::string &name, double got, double most) {
  want<Error>(got > 0 && got <= most, name, got, "a number above 0, at most " + shown(most));
}

} // namespace proxyfuse::embed
