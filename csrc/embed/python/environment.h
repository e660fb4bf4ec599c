// What lies in the folder of a Python environment: a venv, a prefix like /usr, or a conda one.
#pragma once

#include <filesystem>
#include <optional>
#include <string>
#include <vector>

namespace proxyfuse::embed {

// Its bin/python3, or what else its interpreter is called.
std::optional<std::filesystem::path> interpreter_of(const std::filesystem::path &environment);

// Where that interpreter looks for installed packages, whether there or not: its own folders, and
// those of the Python that a venv was made from, where pyvenv.cfg lets these in.
std::vector<std::filesystem::path> package_folders(const std::filesystem::path &environment);

// Why this library cannot run it; empty where it can.
std::string fault_of(const std::filesystem::path &environment);

// Why proxyfuse is not installed there, in place or by reference; empty where it is.
std::string lack_of(const std::filesystem::path &environment);

// The environment that a file lies in, if it is one that this library can run.
std::optional<std::filesystem::path> environment_around(const std::filesystem::path &file);

} // namespace proxyfuse::embed
