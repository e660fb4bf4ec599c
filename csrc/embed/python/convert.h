// Between C++ and Python's objects: with Python's lock held.
#pragma once

#include "proxyfuse/engine.h"

#include <pybind11/pybind11.h>

namespace proxyfuse::embed {

namespace py = pybind11;

// None for an empty text, which names nothing.
py::object text_or_none(const std::string &text);
// The keywords of `load`, those of EngineConfig among them.
py::dict options_in(const EngineOptions &options);
// The fields of SamplingParams but its seed.
py::dict params_in(const SamplingParams &params);
py::object seed_in(const SamplingParams &params);
// A prompt for each role, None where it has none of its own.
py::list prompt_in(const Prompt &prompt);
py::list messages_in(const std::vector<Message> &messages);

// Reads Python's outputs. Holds the attributes' names, interned: they are looked up at every step.
class Reader {
public:
  Reader();
  // A RequestOutput without its prompt.
  Output output(py::handle request) const;
  // What it says of its prompt.
  void prompt(py::handle request, Output &output) const;

private:
  Completion completion(py::handle one) const;
  void cause(py::handle one, Completion &completion) const;
  TokenLogprobs logprobs(py::handle choices) const;
  Logprob logprob(TokenId token, py::handle choice) const;

  py::str request_id_, outputs_, finished_, prompt_token_ids_, prompt_logprobs_, index_, text_,
      token_ids_, cumulative_logprob_, logprobs_, base_passes_, drafted_, accepted_, finish_reason_,
      stop_reason_, error_kind_, logprob_, rank_, decoded_token_, base_, expert_, antiexpert_;
};

// Rethrows what Python raised as the typed error that it stands for.
[[noreturn]] void rethrow(py::error_already_set &error);

} // namespace proxyfuse::embed
