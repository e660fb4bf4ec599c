// The one interpreter of a process: the host's, or one that is started here and never ended.
#pragma once

#include <string>
#include <vector>

namespace proxyfuse::embed {

// Starts an interpreter unless the process has one. It takes no signals, sets no locale, reads no
// PYTHON* variable, and is never finalised: torch's threads outlive no interpreter. Returns whether
// it is ours. Throws EnvironmentError where it cannot start, or runs in another environment.
bool ensure_interpreter(const std::string &venv);

// The folders to put before sys.path: the option's, then PROXYFUSE_PYTHONPATH's.
std::vector<std::string> extra_paths(const std::vector<std::string> &option);

} // namespace proxyfuse::embed
