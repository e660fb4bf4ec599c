#include "interpreter.h"

#include "place.h"
#include "proxyfuse/errors.h"

#include <Python.h>
#include <csignal>
#include <cstdlib>
#include <dlfcn.h>
#include <mutex>
#include <sstream>
#include <unistd.h>

namespace proxyfuse::embed {
namespace {

std::mutex starting;
std::string started_in; // the environment of an interpreter that was started here
pid_t started_by = 0;   // the process that did

void require(const PyStatus &status, const std::string &python) {
  if (PyStatus_Exception(status))
    throw EnvironmentError("Python of " + python + " does not start: " +
                           (status.err_msg ? status.err_msg : "no reason given"));
}

// Frees a configuration, however starting it went.
struct Config {
  Config() { PyConfig_InitIsolatedConfig(&fields); }
  ~Config() { PyConfig_Clear(&fields); }
  PyConfig fields;
};

// Importing _signal takes SIGINT, whatever the configuration says. So that happens here, where it
// can be undone, and not in somebody's import.
void import_signal_module() {
  struct sigaction before{};
  sigaction(SIGINT, nullptr, &before);
  Py_XDECREF(PyImport_ImportModule("_signal"));
  PyErr_Clear();
  sigaction(SIGINT, &before, nullptr);
}

// Modules of Python's look its symbols up among the global ones. Who loaded this library with
// RTLD_LOCAL, as most languages do, has hidden them.
void publish_symbols() {
  Dl_info python{};
  if (dladdr(reinterpret_cast<const void *>(&Py_IsInitialized), &python) != 0 && python.dli_fname)
    dlopen(python.dli_fname, RTLD_NOW | RTLD_GLOBAL | RTLD_NOLOAD);
}

// Environments may be spelt in more than one way; their bin/python3 is often a link to one program.
bool same_environment(const std::filesystem::path &python, const std::filesystem::path &other) {
  std::error_code error;
  return std::filesystem::equivalent(python.parent_path(), other.parent_path(), error);
}

void start(const std::string &python) {
  publish_symbols();
  PyPreConfig before;
  PyPreConfig_InitIsolatedConfig(&before); // with configure_locale off
  before.utf8_mode = 1;
  require(Py_PreInitialize(&before), python);
  Config config;
  config.fields.install_signal_handlers = 0;
  config.fields.parse_argv = 0;
  PyConfig *fields = &config.fields;
  require(PyConfig_SetBytesString(fields, &fields->program_name, python.c_str()), python);
  require(PyConfig_SetBytesString(fields, &fields->executable, python.c_str()), python);
  require(Py_InitializeFromConfig(fields), python);
  import_signal_module();
  PyEval_SaveThread();
}

} // namespace

bool ensure_interpreter(const std::string &venv) {
  std::lock_guard hold(starting);
  if (!Py_IsInitialized()) {
    const std::string python = std::filesystem::absolute(find_python(venv)).string();
    start(python);
    started_in = python;
    started_by = getpid();
  } else if (!started_in.empty() && started_by != getpid()) {
    throw EnvironmentError("got an engine in a forked child, whose copy of Python cannot run; want "
                           "the first engine made after fork, or exec in between");
  } else if (!started_in.empty() && !venv.empty() &&
             !same_environment(find_python(venv), started_in)) {
    throw EnvironmentError("venv: got " + venv + ", but this process already runs " + started_in +
                           "; want the same environment for every engine");
  }
  return !started_in.empty();
}

std::vector<std::string> extra_paths(const std::vector<std::string> &option) {
  std::vector<std::string> paths = option;
  if (const char *more = std::getenv("PROXYFUSE_PYTHONPATH")) {
    std::istringstream list(more);
    for (std::string path; std::getline(list, path, ':');)
      if (!path.empty())
        paths.push_back(path);
  }
  return paths;
}

} // namespace proxyfuse::embed
