#pragma once

#include "seats.h"

#include <httplib.h>
#include <proxyfuse/engine.h>

// What the server answers. Engine and seats must outlive it.
//   POST /generate  a request as in parse.h; server-sent events, each a JSON object
//   GET  /health    200, or 503 once the seats are closed, or the engine has failed for good
//   GET  /stats     the engine's counts
void add_routes(httplib::Server &server, proxyfuse::Engine &engine, Seats &seats);
