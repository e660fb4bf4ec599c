#include "environment.h"

#include <algorithm>
#include <cctype>
#include <fstream>

namespace proxyfuse::embed {
namespace {

namespace fs = std::filesystem;

constexpr const char *VERSION = "python" PROXYFUSE_PYTHON;

bool there(const fs::path &path) {
  std::error_code ignored;
  return fs::exists(path, ignored);
}

// Without the blanks around it.
std::string plain(const std::string &text) {
  const auto blank = [](unsigned char c) { return std::isspace(c) != 0; };
  const auto begin = std::find_if_not(text.begin(), text.end(), blank);
  const auto end = std::find_if_not(text.rbegin(), text.rend(), blank).base();
  return begin < end ? std::string(begin, end) : std::string();
}

// A line "name = value" of pyvenv.cfg; empty where there is none.
std::string setting(const fs::path &environment, const std::string &name) {
  std::ifstream file(environment / "pyvenv.cfg");
  for (std::string line; std::getline(file, line);) {
    const std::size_t middle = line.find('=');
    if (middle != std::string::npos && plain(line.substr(0, middle)) == name)
      return plain(line.substr(middle + 1));
  }
  return "";
}

// As site.py has them, in its order; with Debian's, whose own Python reads other folders.
std::vector<fs::path> folders_of_prefix(const fs::path &prefix) {
  std::vector<fs::path> folders;
  for (const char *library : {"local/lib", "lib", "lib64"})
    for (const char *kind : {"site-packages", "dist-packages"})
      folders.push_back(prefix / library / VERSION / kind);
  folders.push_back(prefix / "lib/python3/dist-packages");
  return folders;
}

bool has_version(const fs::path &environment) {
  return there(environment / "lib" / VERSION) || there(environment / "lib64" / VERSION) ||
         there(environment / "bin" / VERSION);
}

bool holds_proxyfuse(const fs::path &folder) {
  std::error_code error;
  for (const auto &entry : fs::directory_iterator(folder, error))
    if (entry.path().filename().string().rfind("proxyfuse-", 0) == 0)
      return true;
  return false;
}

} // namespace

std::optional<fs::path> interpreter_of(const fs::path &environment) {
  for (const char *name : {"python3", VERSION, "python"})
    if (there(environment / "bin" / name))
      return environment / "bin" / name;
  return std::nullopt;
}

std::vector<fs::path> package_folders(const fs::path &environment) {
  std::vector<fs::path> folders = folders_of_prefix(environment);
  const fs::path home = setting(environment, "home"); // the folder of the interpreter it is made of
  if (!home.empty() && setting(environment, "include-system-site-packages") == "true")
    for (fs::path &folder : folders_of_prefix(home.parent_path()))
      folders.push_back(std::move(folder));
  return folders;
}

std::string fault_of(const fs::path &environment) {
  std::error_code ignored;
  if (!fs::is_directory(environment, ignored))
    return "is no folder";
  if (!interpreter_of(environment))
    return "has no bin/python3";
  if (!has_version(environment))
    return std::string("has neither lib/") + VERSION + ", lib64/" + VERSION + " nor bin/" +
           VERSION + ", the Python this library was built for";
  return "";
}

std::string lack_of(const fs::path &environment) {
  std::string looked;
  for (const fs::path &folder : package_folders(environment)) {
    if (holds_proxyfuse(folder))
      return "";
    if (there(folder))
      looked += (looked.empty() ? "" : ", ") + folder.string();
  }
  return "has no proxyfuse installed, looked in " +
         (looked.empty() ? "none of its packages' folders, which do not exist" : looked);
}

std::optional<fs::path> environment_around(const fs::path &file) {
  for (fs::path folder = file.parent_path(); folder.has_relative_path();
       folder = folder.parent_path())
    if (fault_of(folder).empty())
      return folder;
  return std::nullopt;
}

} // namespace proxyfuse::embed
