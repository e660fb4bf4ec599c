// Where the Python environment is that has proxyfuse in it.
#pragma once

#include <filesystem>
#include <string>

namespace proxyfuse::embed {

// The interpreter of an environment. Looks where `option` says, else where
// PROXYFUSE_VENV says, else tries VIRTUAL_ENV, the environment that this library lies in, and the
// one it was built in. Throws EnvironmentError naming every place and what was wrong with it.
std::filesystem::path find_python(const std::string &option);

} // namespace proxyfuse::embed
