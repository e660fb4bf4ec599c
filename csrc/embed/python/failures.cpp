#include "../kinds.h"
#include "convert.h"

namespace proxyfuse::embed {
namespace {

[[noreturn]] void not_imported(const py::error_already_set &error) {
  const std::string type = py::str(error.type().attr("__name__"));
  const std::string said = py::str(error.value());
  raise(ErrorKind::environment, "proxyfuse cannot be imported: " + type + ": " + said);
}

} // namespace

// Not error_already_set::what, which looks for a traceback of C++'s and needs more to go right.
void rethrow(py::error_already_set &error) {
  if (error.matches(PyExc_ImportError))
    not_imported(error);
  std::string kind, said;
  try {
    const auto failures = py::module_::import("proxyfuse.engine.failures");
    const py::tuple told = failures.attr("told")(error.value());
    kind = py::str(told[0]), said = py::str(told[1]);
  } catch (const py::error_already_set &) {
    not_imported(error);
  }
  raise(kind_named(kind), said);
}

} // namespace proxyfuse::embed
