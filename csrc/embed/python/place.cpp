#include "place.h"

#include "proxyfuse/errors.h"

#include <cstdlib>
#include <dlfcn.h>
#include <optional>
#include <vector>

namespace proxyfuse::embed {
namespace {

namespace fs = std::filesystem;

constexpr const char *LIBRARIES = "lib/python" PROXYFUSE_PYTHON; // of an environment

struct Candidate {
  std::string whose; // who names it
  fs::path folder;
};

std::string variable(const char *name) {
  const char *value = std::getenv(name);
  return value ? value : "";
}

// The folder above `path` that holds lib/pythonX.Y, if it lies in one.
std::optional<fs::path> environment_around(fs::path path) {
  while (path.has_relative_path()) {
    path = path.parent_path();
    std::error_code ignored;
    if (fs::is_directory(path / LIBRARIES, ignored))
      return path;
  }
  return std::nullopt;
}

std::optional<fs::path> environment_of_library() {
  Dl_info info{};
  if (dladdr(reinterpret_cast<const void *>(&find_python), &info) == 0 || !info.dli_fname)
    return std::nullopt;
  std::error_code error;
  const fs::path library = fs::canonical(info.dli_fname, error);
  return error ? std::nullopt : environment_around(library);
}

// What is wrong with an environment; empty when nothing is.
std::string fault(const fs::path &folder) {
  std::error_code ignored;
  if (!fs::is_directory(folder, ignored))
    return "is no folder";
  if (!fs::exists(folder / "bin/python3", ignored))
    return "has no bin/python3";
  if (!fs::is_directory(folder / LIBRARIES, ignored))
    return std::string("has no ") + LIBRARIES + ", the Python this library was built for";
  return "";
}

// Whether pip installed proxyfuse there, in place or by reference.
bool has_proxyfuse(const fs::path &folder) {
  for (const char *kind : {"site-packages", "dist-packages"}) {
    std::error_code error;
    for (const auto &entry : fs::directory_iterator(folder / LIBRARIES / kind, error))
      if (entry.path().filename().string().rfind("proxyfuse-", 0) == 0)
        return true;
  }
  return false;
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

} // namespace

fs::path find_python(const std::string &option) {
  const std::string named = variable("PROXYFUSE_VENV");
  if (!option.empty() || !named.empty()) {
    const Candidate asked =
        option.empty() ? Candidate{"PROXYFUSE_VENV", named} : Candidate{"the option venv", option};
    if (const std::string wrong = fault(asked.folder); !wrong.empty())
      throw EnvironmentError(asked.whose + ": got " + asked.folder.string() + ", which " + wrong +
                             "; want a Python environment with proxyfuse in it");
    return asked.folder / "bin/python3";
  }
  std::string tried;
  for (const Candidate &one : implied()) {
    std::string wrong = fault(one.folder);
    if (wrong.empty() && !has_proxyfuse(one.folder))
      wrong = "has no proxyfuse installed";
    if (wrong.empty())
      return one.folder / "bin/python3";
    tried += "\n  " + one.folder.string() + " (" + one.whose + ") " + wrong;
  }
  throw EnvironmentError("got no Python environment with proxyfuse in it; want one named by the "
                         "option venv, PROXYFUSE_VENV or VIRTUAL_ENV. Tried:" +
                         tried);
}

} // namespace proxyfuse::embed
