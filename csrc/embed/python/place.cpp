#include "place.h"

#include "environment.h"
#include "proxyfuse/errors.h"

#include <cstdlib>
#include <dlfcn.h>
#include <optional>
#include <vector>

namespace proxyfuse::embed {
namespace {

namespace fs = std::filesystem;

struct Candidate {
  std::string whose; // who names it
  fs::path folder;
};

std::string variable(const char *name) {
  const char *value = std::getenv(name);
  return value ? value : "";
}

std::optional<fs::path> environment_of_library() {
  Dl_info info{};
  if (dladdr(reinterpret_cast<const void *>(&find_python), &info) == 0 || !info.dli_fname)
    return std::nullopt;
  std::error_code error;
  const fs::path library = fs::canonical(info.dli_fname, error);
  return error ? std::nullopt : environment_around(library);
}

std::vector<Candidate> implied() {
  std::vector<Candidate> found;
  if (const std::string named = variable("VIRTUAL_ENV"); !named.empty())
    found.push_back({"VIRTUAL_ENV", named});
  if (const auto around = environment_of_library())
    found.push_back({"the library's own folder", *around});
  found.push_back({"the library's build", PROXYFUSE_BUILT_IN});
  return found;
}

// What somebody named is taken at their word, as long as it is a Python that can run.
fs::path named_python(const Candidate &asked) {
  if (const std::string wrong = fault_of(asked.folder); !wrong.empty())
    throw EnvironmentError(asked.whose + ": got " + asked.folder.string() + ", which " + wrong +
                           "; want a Python environment with proxyfuse in it");
  return *interpreter_of(asked.folder);
}

} // namespace

fs::path find_python(const std::string &option) {
  if (!option.empty())
    return named_python({"the option venv", option});
  if (const std::string named = variable("PROXYFUSE_VENV"); !named.empty())
    return named_python({"PROXYFUSE_VENV", named});
  std::string tried;
  for (const Candidate &one : implied()) {
    std::string wrong = fault_of(one.folder);
    if (wrong.empty())
      wrong = lack_of(one.folder);
    if (wrong.empty())
      return *interpreter_of(one.folder);
    tried += "\n  " + one.folder.string() + " (" + one.whose + ") " + wrong;
  }
  throw EnvironmentError("got no Python environment with proxyfuse in it; want one named by the "
                         "option venv, PROXYFUSE_VENV or VIRTUAL_ENV. Tried:" +
                         tried);
}

} // namespace proxyfuse::embed
