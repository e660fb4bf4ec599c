#include "at_exit.h"

namespace proxyfuse::embed {

namespace py = pybind11;

// Functions of atexit are called after Python has waited for its main thread, which threading takes
// to be the one that imports it first: where that is this thread, it must leave before.
AtExit::AtExit(std::function<void()> leave) : leave_(py::cpp_function(std::move(leave))) {
  py::module_::import("atexit").attr("register")(leave_);
  const auto threading = py::module_::import("threading");
  if (threading.attr("main_thread")().is(threading.attr("current_thread")()))
    threading.attr("_register_atexit")(leave_);
}

AtExit::~AtExit() {
  try {
    forget();
  } catch (py::error_already_set &error) {
    error.discard_as_unraisable("proxyfuse: closing an engine");
  }
}

// threading has no function for it, and later engines' threads may pass for the main one again.
void AtExit::forget() const {
  py::module_::import("atexit").attr("unregister")(leave_);
  const auto threading = py::module_::import("threading");
  const py::list late = py::getattr(threading, "_threading_atexits", py::list());
  for (py::size_t at = late.size(); at-- > 0;)
    if (py::object(late[at].attr("func")).is(leave_))
      late.attr("pop")(at);
}

} // namespace proxyfuse::embed
