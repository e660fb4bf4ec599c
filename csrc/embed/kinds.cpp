#include "kinds.h"

#include <algorithm>
#include <iterator>

namespace proxyfuse::embed {
namespace {

// In the order of their numbers.
constexpr std::string_view NAMES[] = {
    "none",        "config",     "request",       "model",      "weights",
    "tokenizer",   "vocabulary", "memory_budget", "non_finite", "engine",
    "environment", "queue_full", "callback",
};
static_assert(std::size(NAMES) == static_cast<std::size_t>(ErrorKind::callback) + 1);

} // namespace

std::string_view name_of(ErrorKind kind) {
  const auto at = static_cast<std::size_t>(kind);
  return at < std::size(NAMES) ? NAMES[at] : "";
}

ErrorKind kind_named(std::string_view name) {
  const auto found = std::find(std::begin(NAMES), std::end(NAMES), name);
  return found == std::end(NAMES) ? ErrorKind::engine
                                  : static_cast<ErrorKind>(found - std::begin(NAMES));
}

} // namespace proxyfuse::embed
