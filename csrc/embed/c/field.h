// Fields of a struct, set by name from text.
#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace proxyfuse::c {

// Each reads the whole of `text`, or throws std::invalid_argument that says what was wanted.
void read(std::string_view text, std::int64_t &value);
void read(std::string_view text, std::uint64_t &value);
void read(std::string_view text, std::int32_t &value);
void read(std::string_view text, double &value);
void read(std::string_view text, bool &value);
void read(std::string_view text, std::string &value);
void read(std::string_view text, std::chrono::milliseconds &value);
void read(std::string_view text, std::map<std::int32_t, double> &value); // adds "id=number"

// Adds one.
template <class T>
void read(std::string_view text, std::vector<T> &value) {
  T found{};
  read(text, found);
  value.push_back(std::move(found));
}

// "none" is none.
template <class T>
void read(std::string_view text, std::optional<T> &value) {
  if (text == "none") {
    value.reset();
    return;
  }
  T found = value.value_or(T{});
  read(text, found);
  value = std::move(found);
}

template <class Struct>
using Fields = std::map<std::string_view, std::function<void(Struct &, std::string_view)>>;

template <class Struct, class T>
std::function<void(Struct &, std::string_view)> field(T Struct::*member) {
  return [member](Struct &object, std::string_view text) { read(text, object.*member); };
}

} // namespace proxyfuse::c
