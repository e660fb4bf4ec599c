#include "bindings.h"

#include <pybind11/stl.h>

#include <stdexcept>
#include <string>
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
}

} // namespace proxyfuse
