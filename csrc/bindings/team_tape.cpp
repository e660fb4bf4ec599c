#include "bindings.h"

#include "cpu/reel.h"

#include <pybind11/stl.h>

#include <stdexcept>
#include <string>
#include <tuple>
#include <vector>

namespace py = pybind11;

namespace proxyfuse {
namespace {

std::vector<std::string> isas() {
  std::vector<std::string> names;
  for (int i = 0; i < cpu::kIsaCount; ++i)
    if (cpu::kIsas[i].supported())
      names.emplace_back(cpu::kIsas[i].name);
  return names;
}

std::unique_ptr<cpu::Team> make_team(int threads, int spin_us) {
  if (threads < 1 || spin_us < 0)
    throw py::value_error("a team needs threads >= 1 and spin_us >= 0, got " +
                          std::to_string(threads) + " and " + std::to_string(spin_us));
  return std::make_unique<cpu::Team>(threads, spin_us);
}

using Tapes = std::vector<const RecordingTape *>;

cpu::Reel::Tapes native(const Tapes &tapes) {
  cpu::Reel::Tapes found;
  for (const RecordingTape *tape : tapes)
    if (tape->tape.size() > 0)
      found.push_back(&tape->tape);
  return found;
}

// A draft: what draws it, what feeds it, the address of its margins, and its rows.
using Draft = std::tuple<Tapes, Tapes, uintptr_t, int64_t>;

cpu::Reel make_reel(const Tapes &first, const std::vector<Draft> &drafts,
                    const std::vector<Tapes> &verify) {
  if (verify.size() != drafts.size() + 1)
    throw py::value_error("a reel verifies after any number of its drafts: got " +
                          std::to_string(verify.size()) + " ways for " +
                          std::to_string(drafts.size()) + " drafts");
  cpu::Reel reel{native(first), {}, {}};
  for (const auto &[draw, feed, margins, count] : drafts) {
    if (!reel.drafts.empty() && count > reel.drafts.front().count)
      throw py::value_error("a draft has no more rows than the one before it");
    reel.drafts.push_back({native(draw), native(feed), pointer<const float>(margins), count});
  }
  for (const Tapes &tapes : verify)
    reel.verify.push_back(native(tapes));
  return reel;
}

} // namespace

const cpu::Kernels &kernels_of(const std::string &isa) {
  for (int i = 0; i < cpu::kIsaCount; ++i)
    if (isa == cpu::kIsas[i].name && cpu::kIsas[i].supported())
      return cpu::kIsas[i].kernels();
  throw py::value_error("isa is '" + isa + "', which is not among isas()");
}

void bind_team_tape(py::module_ &module) {
  module.def("isas", isas);
  py::class_<cpu::Team>(module, "Team")
      .def(py::init(&make_team), py::arg("threads"), py::arg("spin_us") = 1000)
      .def_property_readonly("threads", &cpu::Team::threads);
  py::class_<RecordingTape>(module, "Tape")
      .def(py::init([](const std::string &isa) {
             return std::unique_ptr<RecordingTape>(new RecordingTape{kernels_of(isa), {}});
           }),
           py::arg("isa"))
      .def("__len__", [](const RecordingTape &self) { return self.tape.size(); })
      .def("clear", [](RecordingTape &self) { self.tape.clear(); })
      .def(
          "run", [](const RecordingTape &self, cpu::Team &team) { self.tape.run(team); },
          py::arg("team"), py::call_guard<py::gil_scoped_release>());
  py::class_<cpu::Reel>(module, "Reel")
      .def(py::init(&make_reel), py::arg("first"), py::arg("drafts"), py::arg("verify"))
      .def("run", &cpu::Reel::run, py::arg("team"), py::arg("least"), py::arg("steepness"),
           py::call_guard<py::gil_scoped_release>());
}

} // namespace proxyfuse
