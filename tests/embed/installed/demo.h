// The demo trio as options; PROXYFUSE_DEMO names its folder.
#pragma once

#include <proxyfuse/engine.h>

#include <cstdlib>
#include <string>

inline proxyfuse::EngineOptions demo() {
  const char *folder = std::getenv("PROXYFUSE_DEMO");
  const std::string at = folder ? folder : "";
  proxyfuse::EngineOptions options;
  options.base = at + "/base";
  options.expert = at + "/expert";
  options.antiexpert = at + "/antiexpert";
  options.device = "cpu";
  options.kv_cache_bytes = 1 << 25;
  options.max_num_seqs = 16;
  return options;
}
