#include "../backend.h"

#include "at_exit.h"
#include "convert.h"
#include "interpreter.h"
#include "lock.h"
#include "params.h"

#include <algorithm>
#include <unordered_map>

namespace proxyfuse::embed {
namespace {

// The module with the engine in it.
py::module_ import_service(const EngineOptions &o, bool ours) {
  const py::object path = py::module_::import("sys").attr("path");
  int at = 0;
  for (const std::string &folder : extra_paths(o.python_path))
    if (!path.contains(folder))
      path.attr("insert")(at++, folder);
  const auto module = py::module_::import("proxyfuse.engine.service");
  if (ours && !o.verbose)
    module.attr("hush")();
  return module;
}

bool says_something(const Output &output) {
  return output.finished ||
         std::any_of(output.outputs.begin(), output.outputs.end(), [](const Completion &one) {
           return !one.token_ids.empty() || one.finish_reason != FinishReason::none;
         });
}

} // namespace

// Belongs to the engine thread. Its objects are let go of with Python's lock, see `clear`.
struct Backend::Inside {
  PyGILState_STATE before; // of this thread, before it ran Python
  PyThreadState *thread;
  py::object service, submit, cancel, step;
  std::optional<Reader> reader;
  std::optional<Params> params;
  std::optional<AtExit> at_exit;
  std::unordered_map<RequestId, bool> running; // and whether it had an output yet

  Inside() : before(PyGILState_Ensure()), thread(PyEval_SaveThread()) {}
  ~Inside() {
    PyEval_RestoreThread(thread);
    clear();
    PyGILState_Release(before);
  }
  Inside(const Inside &) = delete;
  Inside &operator=(const Inside &) = delete;

  // What C++ asks of Python: with its lock, and its exceptions as ours.
  template <class Ask>
  auto ask(Ask question) {
    const Turn turn(thread);
    try {
      return question();
    } catch (py::error_already_set &error) {
      rethrow(error);
    }
  }

  void clear() {
    try {
      at_exit.reset();
      reader.reset();
      params.reset();
      for (py::object *held : {&submit, &cancel, &step, &service})
        *held = py::object();
      py::module_::import("gc").attr("collect")(); // models and arena lie in cycles
    } catch (py::error_already_set &error) {
      error.discard_as_unraisable("proxyfuse: closing an engine");
    }
  }

  // What a step wrote of one request; nothing where it only read its prompt.
  void read(py::handle one, std::vector<Output> &outputs) {
    Output output = reader->output(one);
    const auto found = running.find(output.request_id);
    if (found == running.end() || !says_something(output))
      return;
    if (!found->second)
      reader->prompt(one, output);
    found->second = true;
    if (output.finished)
      running.erase(found);
    outputs.push_back(std::move(output));
  }
};

Backend::Backend(const EngineOptions &options, std::function<void()> leave) {
  const bool ours = ensure_interpreter(options.venv);
  inside_ = std::make_unique<Inside>();
  inside_->ask([&] {
    Inside &in = *inside_;
    const py::module_ module = import_service(options, ours);
    in.service = module.attr("Service")(options.base, text_or_none(options.expert),
                                        text_or_none(options.antiexpert), options_in(options));
    in.submit = in.service.attr("submit");
    in.cancel = in.service.attr("cancel");
    in.step = in.service.attr("step");
    in.reader.emplace();
    in.params.emplace(module.attr("SamplingParams"));
    in.at_exit.emplace(std::move(leave));
  });
}

Backend::~Backend() = default;

void Backend::submit(RequestId id, const Request &request, bool streaming) {
  inside_->ask([&] {
    inside_->submit(std::to_string(id), prompt_in(request.prompt), messages_in(request.messages),
                    inside_->params->of(request.params), seed_in(request.params), streaming);
  });
  inside_->running.emplace(id, false);
  busy_ = true;
}

void Backend::cancel(RequestId id) {
  inside_->ask([&] { inside_->cancel(std::to_string(id)); });
}

std::vector<Output> Backend::step() {
  std::vector<Output> outputs;
  inside_->ask([&] {
    const py::object news = inside_->step();
    for (const py::handle one : news)
      inside_->read(one, outputs);
  });
  busy_ = !inside_->running.empty();
  return outputs;
}

void introduce_threading() {
  if (!Py_IsInitialized() || !PyGILState_GetThisThreadState())
    return;
  const PyGILState_STATE before = PyGILState_Ensure();
  Py_XDECREF(PyImport_ImportModule("threading"));
  PyErr_Clear();
  PyGILState_Release(before);
}

LetGo::LetGo() : held_(nullptr) {
  if (Py_IsInitialized() && PyGILState_GetThisThreadState() && PyGILState_Check())
    held_ = PyEval_SaveThread();
}

LetGo::~LetGo() {
  if (held_)
    PyEval_RestoreThread(static_cast<PyThreadState *>(held_));
}

} // namespace proxyfuse::embed
