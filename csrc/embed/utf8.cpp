#include "utf8.h"

namespace proxyfuse::embed {
namespace {

struct Form {
  unsigned char first, last;     // of the leading byte
  unsigned char lowest, highest; // of the second byte, if there is one
  std::size_t length;
};

constexpr Form FORMS[] = {
    {0x00, 0x7F, 0x00, 0x00, 1}, {0xC2, 0xDF, 0x80, 0xBF, 2}, {0xE0, 0xE0, 0xA0, 0xBF, 3},
    {0xE1, 0xEC, 0x80, 0xBF, 3}, {0xED, 0xED, 0x80, 0x9F, 3}, {0xEE, 0xEF, 0x80, 0xBF, 3},
    {0xF0, 0xF0, 0x90, 0xBF, 4}, {0xF1, 0xF3, 0x80, 0xBF, 4}, {0xF4, 0xF4, 0x80, 0x8F, 4},
};

// The length of the character that `text` begins with, 0 where it is none.
std::size_t length_of(std::string_view text) {
  const auto byte = [&](std::size_t at) { return static_cast<unsigned char>(text[at]); };
  for (const Form &form : FORMS) {
    if (byte(0) < form.first || byte(0) > form.last)
      continue;
    if (text.size() < form.length)
      return 0;
    if (form.length > 1 && (byte(1) < form.lowest || byte(1) > form.highest))
      return 0;
    for (std::size_t at = 2; at < form.length; ++at)
      if ((byte(at) & 0xC0) != 0x80)
        return 0;
    return form.length;
  }
  return 0;
}

} // namespace

std::optional<std::size_t> first_broken(std::string_view text) {
  std::size_t at = 0;
  while (at < text.size()) {
    const std::size_t length = length_of(text.substr(at));
    if (length == 0)
      return at;
    at += length;
  }
  return std::nullopt;
}

} // namespace proxyfuse::embed
