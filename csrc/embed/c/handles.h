// What the opaque handles are.
#pragma once

#include "proxyfuse/engine.h"
#include "proxyfuse/engine_c.h"

struct proxyfuse_options {
  proxyfuse::EngineOptions fields;
};

struct proxyfuse_request {
  proxyfuse::Request fields;
};

struct proxyfuse_engine {
  proxyfuse::Engine engine;
};

struct proxyfuse_output {
  const proxyfuse::Output &fields;
};
