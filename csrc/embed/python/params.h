// Parameters as Python has them, made once for all requests that ask for the same.
#pragma once

#include "convert.h"

#include <utility>
#include <vector>

namespace proxyfuse::embed {

// Keeps those of the last few that differed: nothing that is done to take a short request in costs
// more than making and checking one, and a service's requests tend to ask for the same. They are
// frozen, and the engine only reads them. The seed is the request's own, and none of them has one.
class Params {
public:
  static constexpr std::size_t MOST = 8;
  static constexpr std::size_t LONGEST = 4096; // ids and bytes; what is longer is not kept

  // `make`: Python's SamplingParams.
  explicit Params(py::object make) : make_(std::move(make)) {}
  py::object of(const SamplingParams &asked);

private:
  py::object make_;
  std::vector<std::pair<SamplingParams, py::object>> known_; // the latest first
};

} // namespace proxyfuse::embed
