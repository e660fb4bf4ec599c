// The names of the kinds of errors: `kind` of the classes in proxyfuse/errors.py.
#pragma once

#include "proxyfuse/errors.h"

#include <string_view>

namespace proxyfuse::embed {

// "" for a number that is no kind.
std::string_view name_of(ErrorKind kind);

// ErrorKind::engine for a name that is none.
ErrorKind kind_named(std::string_view name);

} // namespace proxyfuse::embed
