#include "../kinds.h"
#include "convert.h"

#include <charconv>
#include <string_view>

namespace proxyfuse::embed {
namespace {

py::str name(const char *text) {
  return py::reinterpret_steal<py::str>(PyUnicode_InternFromString(text));
}

py::object get(py::handle object, const py::str &attribute) {
  PyObject *value = PyObject_GetAttr(object.ptr(), attribute.ptr());
  if (!value)
    throw py::error_already_set();
  return py::reinterpret_steal<py::object>(value);
}

std::int64_t whole(py::handle number) {
  const long long value = PyLong_AsLongLong(number.ptr());
  if (value == -1 && PyErr_Occurred())
    throw py::error_already_set();
  return value;
}

double real(py::handle number) {
  const double value = PyFloat_AsDouble(number.ptr());
  if (value == -1.0 && PyErr_Occurred())
    throw py::error_already_set();
  return value;
}

// Half of a surrogate pair, which a tokenizer may hold, becomes "?".
std::string text(py::handle string) {
  Py_ssize_t size = 0;
  if (const char *utf8 = PyUnicode_AsUTF8AndSize(string.ptr(), &size))
    return {utf8, static_cast<std::size_t>(size)};
  PyErr_Clear();
  const auto bytes = py::reinterpret_steal<py::object>(
      PyUnicode_AsEncodedString(string.ptr(), "utf-8", "replace"));
  if (!bytes)
    throw py::error_already_set();
  return {PyBytes_AS_STRING(bytes.ptr()), static_cast<std::size_t>(PyBytes_GET_SIZE(bytes.ptr()))};
}

std::vector<TokenId> ids(py::handle list) {
  const Py_ssize_t count = PyList_GET_SIZE(list.ptr());
  std::vector<TokenId> found(static_cast<std::size_t>(count));
  for (Py_ssize_t at = 0; at < count; ++at)
    found[static_cast<std::size_t>(at)] =
        static_cast<TokenId>(whole(PyList_GET_ITEM(list.ptr(), at)));
  return found;
}

std::optional<double> maybe(py::handle number) {
  return number.is_none() ? std::nullopt : std::optional<double>(real(number));
}

FinishReason reason_of(py::handle reason) {
  if (reason.is_none())
    return FinishReason::none;
  const std::string said = text(reason);
  if (said == "stop")
    return FinishReason::stop;
  if (said == "length")
    return FinishReason::length;
  return said == "abort" ? FinishReason::abort : FinishReason::error;
}

} // namespace

Reader::Reader()
    : request_id_(name("request_id")), outputs_(name("outputs")), finished_(name("finished")),
      prompt_token_ids_(name("prompt_token_ids")), prompt_logprobs_(name("prompt_logprobs")),
      index_(name("index")), text_(name("text")), token_ids_(name("token_ids")),
      cumulative_logprob_(name("cumulative_logprob")), logprobs_(name("logprobs")),
      base_passes_(name("base_passes")), drafted_(name("drafted")), accepted_(name("accepted")),
      finish_reason_(name("finish_reason")), stop_reason_(name("stop_reason")),
      error_kind_(name("error_kind")), logprob_(name("logprob")), rank_(name("rank")),
      decoded_token_(name("decoded_token")), base_(name("base")), expert_(name("expert")),
      antiexpert_(name("antiexpert")) {}

Output Reader::output(py::handle request) const {
  Output output;
  const std::string id = text(get(request, request_id_));
  std::from_chars(id.data(), id.data() + id.size(), output.request_id);
  output.finished = get(request, finished_).ptr() == Py_True;
  const py::object list = get(request, outputs_);
  const Py_ssize_t count = PyList_GET_SIZE(list.ptr());
  output.outputs.reserve(static_cast<std::size_t>(count));
  for (Py_ssize_t at = 0; at < count; ++at)
    output.outputs.push_back(completion(PyList_GET_ITEM(list.ptr(), at)));
  return output;
}

void Reader::prompt(py::handle request, Output &output) const {
  output.prompt_token_ids = ids(get(request, prompt_token_ids_));
  if (const py::object rows = get(request, prompt_logprobs_); !rows.is_none())
    for (const py::handle row : rows)
      output.prompt_logprobs.push_back(row.is_none() ? TokenLogprobs{} : logprobs(row));
}

Completion Reader::completion(py::handle one) const {
  Completion completion;
  completion.index = whole(get(one, index_));
  completion.text = text(get(one, text_));
  completion.token_ids = ids(get(one, token_ids_));
  completion.cumulative_logprob = real(get(one, cumulative_logprob_));
  if (const py::object rows = get(one, logprobs_); !rows.is_none())
    for (const py::handle row : rows)
      completion.logprobs.push_back(logprobs(row));
  completion.base_passes = whole(get(one, base_passes_));
  completion.drafted = whole(get(one, drafted_));
  completion.accepted = whole(get(one, accepted_));
  completion.finish_reason = reason_of(get(one, finish_reason_));
  if (completion.finish_reason != FinishReason::none)
    cause(one, completion);
  return completion;
}

// What ended it: a stop id, a stop string, or an error.
void Reader::cause(py::handle one, Completion &completion) const {
  const py::object said = get(one, stop_reason_);
  if (completion.finish_reason == FinishReason::error) {
    completion.error = said.is_none() ? "" : text(said);
    const py::object kind = get(one, error_kind_);
    completion.error_kind = kind.is_none() ? ErrorKind::engine : kind_named(text(kind));
  } else if (PyLong_Check(said.ptr())) {
    completion.stop_token_id = static_cast<TokenId>(whole(said));
  } else if (!said.is_none()) {
    completion.stop_string = text(said);
  }
}

TokenLogprobs Reader::logprobs(py::handle choices) const {
  TokenLogprobs found;
  for (const auto &[token, choice] : py::reinterpret_borrow<py::dict>(choices))
    found.push_back(logprob(static_cast<TokenId>(whole(token)), choice));
  return found;
}

Logprob Reader::logprob(TokenId token, py::handle choice) const {
  Logprob found;
  found.token_id = token;
  found.logprob = real(get(choice, logprob_));
  if (const py::object rank = get(choice, rank_); !rank.is_none())
    found.rank = whole(rank);
  if (const py::object decoded = get(choice, decoded_token_); !decoded.is_none())
    found.decoded_token = text(decoded);
  found.base = maybe(get(choice, base_));
  found.expert = maybe(get(choice, expert_));
  found.antiexpert = maybe(get(choice, antiexpert_));
  return found;
}

} // namespace proxyfuse::embed
