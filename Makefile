# One line each, the same for people and for CI. The first call makes .venv; later ones reuse it.
#   PYTHON=python3.12      another interpreter, 3.11 or newer
#   VENV=/tmp/venv         another place for the environment
#   CONSTRAINTS=.ci/floors.txt
#                          the oldest versions that pyproject.toml allows, in a VENV of their own
#   TORCH_INDEX=https://download.pytorch.org/whl/cpu
#                          where torch comes from, if not from pip's usual index (which has the CUDA
#                          build); PIP_INDEX_URL and pip's other settings hold for everything else
#   PROCESSES=0            tests in this process, as a debugger wants them
PYTHON ?= python3
VENV ?= .venv
PRETENDED ?= build/pretended
CONSTRAINTS ?= constraints.txt
PROCESSES ?= 2
BIN := $(VENV)/bin
PIP := $(BIN)/pip install -q -c $(CONSTRAINTS)
READY := $(VENV)/.ready
export PATH := $(abspath $(BIN)):$(PATH)
NATIVE := $(shell find csrc -type f \( -name '*.h' -o -name '*.cpp' -o -name '*.cu' -o -name '*.cuh' \) 2>/dev/null)
RECIPES := $(shell find csrc cmake -type f -name '*[Cc][Mm]ake*' 2>/dev/null)
# C++ that is no part of the Python package, but kept like the rest
OUTSIDE := $(shell find examples tests bench -type f \( -name '*.h' -o -name '*.cpp' \) 2>/dev/null)

.PHONY: demo test check bench bench-peers gpu pretended

demo: $(READY)
	$(BIN)/proxyfuse demo

test: $(READY)
	@$(BIN)/python -m pytest -n $(PROCESSES) --dist loadgroup

check: $(READY)
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/python -m bench.readme --check
	$(if $(NATIVE),$(BIN)/clang-format --dry-run --Werror $(NATIVE) $(OUTSIDE))

# Under 10 minutes on 2 cores: what is timed (--seconds of each), and weights, gates, first runs and
# memory's fresh processes. Each ends sooner where all of its ratios are sure.
bench: $(READY)
	$(BIN)/python -m bench.engine.latency
	$(BIN)/python -m bench.engine.throughput --concurrency 32
	$(BIN)/python -m bench.engine.memory
	$(BIN)/python -m bench.engine.speculation
	$(BIN)/python -m bench.readme

# What optional rivals and plots need; llama.cpp is compiled, which takes minutes.
bench-peers: $(READY)
	$(PIP) gguf llama-cpp-python matplotlib

# With what $(PYTHON) has: nothing is installed, nothing is fetched. See bench/gpu.py.
#   STEPS='"kernels" "tests"'       these alone; a name that is none is answered with all that are
gpu:
	PYTHONPATH=.:kernels:$$PYTHONPATH $(PYTHON) -m bench.gpu $(STEPS)

# What is marked gpu, without one: torch's CUDA build and Triton's compiler over a driver that is
# pretended, in an environment of its own. See tests/pretended/run.py.
#   PRETENDED=/tmp/pretended        another place for it
#   PARTS="kernels engine"          these alone
pretended:
	$(PYTHON) -m tests.pretended.run --folder $(PRETENDED) --processes $(PROCESSES) $(PARTS)

$(READY): pyproject.toml $(CONSTRAINTS) setup.py CMakeLists.txt $(RECIPES) $(NATIVE)
	test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	$(PIP) $(if $(TORCH_INDEX),--index-url $(TORCH_INDEX)) torch
	$(PIP) setuptools pybind11 cmake ninja
	$(PIP) --no-build-isolation -e '.[dev]'
	touch $@
