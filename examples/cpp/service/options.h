#pragma once

#include <proxyfuse/engine.h>

#include <chrono>
#include <cstddef>
#include <string>

struct Options {
  proxyfuse::EngineOptions engine;
  std::string host = "127.0.0.1";
  int port = 8080;                // 0: any that is free
  std::size_t seats = 64;         // streams open at once; more are turned away with 503
  std::chrono::seconds drain{10}; // how long requests may run on after SIGTERM
};

// Throws std::invalid_argument with a line on how to call this program.
Options parse_options(int argc, char **argv);
