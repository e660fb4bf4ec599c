// Which Python is found, in layouts that venv, virtualenv, conda, Fedora and Debian leave behind.
#include "../expect.h"
#include "python/environment.h"
#include "python/place.h"

#include <proxyfuse/errors.h>

#include <cstdlib>
#include <fstream>
#include <unistd.h>

using namespace proxyfuse;
namespace fs = std::filesystem;

namespace {

// A folder that is gone with it.
class Tree {
public:
  Tree() : root_(fs::temp_directory_path() / ("place." + std::to_string(getpid()))) {
    fs::remove_all(root_);
    for (const char *name : {"PROXYFUSE_VENV", "VIRTUAL_ENV"})
      unsetenv(name);
  }
  ~Tree() { fs::remove_all(root_); }
  // A file and the folders above it.
  fs::path file(const std::string &name, const std::string &text = "") const {
    fs::create_directories((root_ / name).parent_path());
    std::ofstream(root_ / name) << text;
    return root_ / name;
  }
  fs::path at(const std::string &name) const { return root_ / name; }

private:
  fs::path root_;
};

const std::string INSTALLED = "/proxyfuse-0.1.0.dist-info/METADATA";

std::string found_by_virtual_env(const fs::path &folder) {
  setenv("VIRTUAL_ENV", folder.c_str(), 1);
  try {
    return embed::find_python("").string();
  } catch (const EnvironmentError &error) {
    return error.what();
  }
}

bool has(const std::string &text, const std::string &part) {
  return text.find(part) != std::string::npos;
}

void layouts() {
  for (const std::string place :
       {"lib/python3.11/site-packages", "lib64/python3.11/site-packages",
        "lib/python3.11/dist-packages", "local/lib/python3.11/dist-packages",
        "lib/python3/dist-packages"}) {
    const Tree tree;
    const fs::path python = tree.file("env/bin/python3");
    tree.file("env/bin/python3.11");
    const std::string before = found_by_virtual_env(tree.at("env"));
    EXPECT(has(before, "(VIRTUAL_ENV) has no proxyfuse installed, looked in none"));
    tree.file("env/" + place + INSTALLED);
    EXPECT(found_by_virtual_env(tree.at("env")) == python);
    EXPECT(embed::find_python(tree.at("env").string()) == python);
  }
}

void a_venv_of_a_system() {
  for (const std::string seen : {"true", "false"}) {
    const Tree tree;
    tree.file("usr/bin/python3.11");
    tree.file("usr/lib/python3/dist-packages" + INSTALLED);
    tree.file("venv/lib/python3.11/site-packages/other");
    const fs::path python = tree.file("venv/bin/python");
    tree.file("venv/pyvenv.cfg", "home = " + tree.at("usr/bin").string() +
                                     "\nversion = 3.11.2\ninclude-system-site-packages=" + seen);
    const std::string found = found_by_virtual_env(tree.at("venv"));
    EXPECT((found == python) == (seen == "true"));
    EXPECT(has(found, seen == "true" ? "python" : "looked in " + tree.at("venv/lib").string()));
  }
}

void the_environment_around_a_file() {
  const Tree tree;
  const fs::path ours = tree.file("usr/local/lib/python3.11/dist-packages/proxyfuse/lib.so");
  EXPECT(!embed::environment_around(ours));
  tree.file("usr/bin/python3");
  EXPECT(!embed::environment_around(ours)); // of which version, nobody says
  tree.file("usr/bin/python3.11");
  EXPECT(embed::environment_around(ours) == tree.at("usr"));
}

void faults() {
  const Tree tree;
  tree.file("env/lib/python3.12/site-packages" + INSTALLED);
  const auto said = [&](const std::string &part) {
    setenv("PROXYFUSE_VENV", tree.at("env").c_str(), 1);
    try {
      embed::find_python("");
      EXPECT(part.empty());
    } catch (const EnvironmentError &error) {
      EXPECT(!part.empty() && has(error.what(), part) && has(error.what(), "PROXYFUSE_VENV"));
    }
  };
  said("has no bin/python3");
  tree.file("env/bin/python3");
  said("nor bin/python3.11, the Python this library was built for");
  fs::create_directories(tree.at("env/lib64/python3.11"));
  said("");
  EXPECT(throws<EnvironmentError>([&] { embed::find_python(tree.at("nowhere").string()); }));
  unsetenv("PROXYFUSE_VENV");
  const std::string tried = found_by_virtual_env(tree.at("nowhere"));
  EXPECT(has(tried, tree.at("nowhere").string() + " (VIRTUAL_ENV) is no folder"));
  EXPECT(has(tried, "/built/in (the library's build) is no folder"));
}

} // namespace

int main(int argc, char **argv) {
  return run({{"layouts", layouts},
              {"a_venv_of_a_system", a_venv_of_a_system},
              {"the_environment_around_a_file", the_environment_around_a_file},
              {"faults", faults}},
             argc, argv);
}
