#pragma once

#include <proxyfuse/request.h>

#include <stdexcept>
#include <string>

// A body that is no request: what was got and what was wanted, for the client to read.
struct BadRequest : std::invalid_argument {
  using std::invalid_argument::invalid_argument;
};

// A JSON object with `prompt` (text or ids) or `messages`, and any sampling parameter of the list
// in parse.cpp by its Python name. Ranges are the engine's to check. Throws BadRequest.
proxyfuse::Request parse(const std::string &body);
