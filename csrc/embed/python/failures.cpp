#include "convert.h"

#include <array>
#include <utility>

namespace proxyfuse::embed {
namespace {

using Named = std::pair<const char *, ErrorKind>;

constexpr std::array<Named, 13> NAMES = {{
    {"ConfigError", ErrorKind::config},
    {"RequestError", ErrorKind::request},
    {"WeightsError", ErrorKind::weights},
    {"VocabularyError", ErrorKind::vocabulary},
    {"TokenizerError", ErrorKind::tokenizer},
    {"ModelError", ErrorKind::model},
    {"MemoryBudgetError", ErrorKind::memory_budget},
    {"NonFiniteError", ErrorKind::non_finite},
    {"EngineError", ErrorKind::engine},
    {"ImportError", ErrorKind::environment},
    {"ModuleNotFoundError", ErrorKind::environment},
    {"MemoryError", ErrorKind::memory_budget},
    {"OutOfMemoryError", ErrorKind::memory_budget},
}};

} // namespace

ErrorKind kind_of(const std::string &class_name) {
  for (const auto &[name, kind] : NAMES)
    if (class_name == name)
      return kind;
  return ErrorKind::none;
}

// Not error_already_set::what, which looks for a traceback of C++'s and needs more to go right.
void rethrow(py::error_already_set &error) {
  const py::object type = error.type();
  const std::string own = py::str(type.attr("__name__"));
  const std::string said = py::str(error.value());
  for (const py::handle parent : type.attr("__mro__")) {
    const ErrorKind kind = kind_of(py::str(parent.attr("__name__")));
    if (kind == ErrorKind::environment)
      raise(kind, "proxyfuse cannot be imported: " + own + ": " + said);
    if (kind != ErrorKind::none)
      raise(kind, said);
  }
  raise(ErrorKind::engine, own + ": " + said);
}

} // namespace proxyfuse::embed
