// Whether options and parameters are in range: said before anything is loaded or queued.
#pragma once

#include "proxyfuse/engine.h"

namespace proxyfuse::embed {

// Throws ConfigError naming the first option that is out of range.
void check(const EngineOptions &options);

// Throws RequestError for parameters or a prompt that no engine could run.
void check(const Request &request);

} // namespace proxyfuse::embed
