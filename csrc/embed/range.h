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

// Throws `Error` unless `good`. Every request is asked some twenty times: words are put together
// once one is refused, not before.
template <class Error, class T>
void want(bool good, const char *name, const T &got, const char *wanted) {
  if (!good)
    throw Error(std::string(name) + ": got " + shown(got) + ", want " + wanted);
}

template <class Error, class T>
[[noreturn]] void refuse(const char *name, T got, const char *wanted, T least, T most) {
  throw Error(std::string(name) + ": got " + shown(got) + ", want " + wanted + " from " +
              shown(least) + " to " + shown(most));
}

template <class Error>
void want_whole(const char *name, std::int64_t got, std::int64_t least, std::int64_t most) {
  if (got < least || got > most)
    refuse<Error>(name, got, "a whole number", least, most);
}

template <class Error>
void want_whole(const char *name, std::optional<std::int64_t> got, std::int64_t least,
                std::int64_t most) {
  if (got)
    want_whole<Error>(name, *got, least, most);
}

// Comparisons are written so that NaN fails them.
template <class Error>
void want_number(const char *name, double got, double least, double most) {
  if (!(got >= least && got <= most))
    refuse<Error>(name, got, "a number", least, most);
}

template <class Error>
void want_positive(const char *name, double got, double most) {
  if (!(got > 0 && got <= most))
    throw Error(std::string(name) + ": got " + shown(got) + ", want a number above 0, at most " +
                shown(most));
}

} // namespace proxyfuse::embed
