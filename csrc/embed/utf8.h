// Text comes in and goes out as UTF-8; what is not is refused rather than guessed at.
#pragma once

#include <cstddef>
#include <optional>
#include <string_view>

namespace proxyfuse::embed {

// Where the first byte stands that is no part of well-formed UTF-8 (Unicode 15, table 3-7).
std::optional<std::size_t> first_broken(std::string_view text);

} // namespace proxyfuse::embed
