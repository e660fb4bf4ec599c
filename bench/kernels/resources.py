"""What every Triton kernel takes of a chip, compiled for chips that need not be there.

python -m bench.kernels.resources [--only OP ...] [--chip 80 ...] [--brief] [--write]

Exits with 1 where a kernel spills. With --write, leaves the record in bench/results/aot/ and
the table in docs/findings/kernel-resources.md.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Iterable, Sequence
from pathlib import Path
from types import ModuleType
from typing import Any

import torch
import triton

from bench.kernels.ahead import compiled, resources
from proxyfuse_kernels.build import Build
from proxyfuse_kernels.embed import kernel as embed
from proxyfuse_kernels.fused_head_sample import launch as fused_head_sample
from proxyfuse_kernels.linear import kernel as linear
from proxyfuse_kernels.linear_fp8 import kernel as linear_fp8
from proxyfuse_kernels.paged_attention import kernel as paged_attention
from proxyfuse_kernels.place import kernel as place
from proxyfuse_kernels.proxy_sample import builds as proxy_sample
from proxyfuse_kernels.rms_norm import kernel as rms_norm
from proxyfuse_kernels.rope_append import kernel as rope_append
from proxyfuse_kernels.silu_mul import kernel as silu_mul

Entry = dict[str, Any]
MODULES = (
    embed,
    fused_head_sample,
    linear,
    linear_fp8,
    paged_attention,
    place,
    proxy_sample,
    rms_norm,
    rope_append,
    silu_mul,
)
CHIPS = (80, 90, 100)
ROOT = Path(__file__).parents[2]
RECORD = ROOT / "bench/results/aot/kernel-resources.json"
TABLE = ROOT / "docs/findings/kernel-resources.md"
HEAD = """\
# What the Triton kernels take of a chip

Compiled ahead of time, without a device, by `python -m bench.kernels.resources --write` (triton
{triton}, whose own tools say what a kernel uses). Registers are of a thread, shared memory is bytes
of a block, spills are bytes of a thread. A kernel of every step that spills is a defect, and
`tests/bench/kernels/test_resources.py` fails on one. The record is
`bench/results/aot/kernel-resources.json`.

| kernel | configuration | warps | stages | {chips} |
|---|---|---|---|{rules}
"""


def op_of(module: ModuleType) -> str:
    """The operation that a kernel's module belongs to."""
    return module.__name__.split(".")[-2]


def listed(modules: Iterable[ModuleType], brief: bool = False) -> list[tuple[ModuleType, Build]]:
    """Every configuration of every kernel; brief: the first of each."""
    found = [(module, build) for module in modules for build in module.builds()]
    if not brief:
        return found
    return list({name_of(build): (module, build) for module, build in reversed(found)}.values())


def name_of(build: Build) -> str:
    """The jitted function's."""
    name: str = build.kernel.fn.__name__
    return name.strip("_")


def told(module: ModuleType, build: Build) -> dict[str, Any]:
    """What is recorded of a configuration beside what it takes."""
    kernel = {"op": op_of(module), "kernel": name_of(build), "name": build.name}
    return kernel | {"warps": build.num_warps, "stages": build.num_stages}


def measure(builds: Iterable[tuple[ModuleType, Build]], chips: Sequence[int]) -> list[Entry]:
    """One entry for each configuration, with what it takes of each chip."""
    return [
        told(module, build)
        | {"chips": {f"sm_{chip}": resources(compiled(build, chip))._asdict() for chip in chips}}
        for module, build in builds
    ]


def spilling(found: Iterable[Entry]) -> list[str]:
    """Kernels that keep registers in memory, by name and chip."""
    return [
        f"{entry['op']}/{entry['kernel']}, {entry['name']}: {took['stack']} bytes on {chip}"
        for entry in found
        for chip, took in entry["chips"].items()
        if took["stack"]
    ]


def table(found: list[Entry]) -> str:
    """The finding, in Markdown."""
    chips = list(found[0]["chips"])
    lines = [
        HEAD.format(triton=triton.__version__, chips=" | ".join(chips), rules="---|" * len(chips))
    ]
    for entry in found:
        took = [
            f"{t['registers']} reg, {t['shared']} B"
            + f", **{t['stack']} B spilled**" * bool(t["stack"])
            for t in entry["chips"].values()
        ]
        cells = [f"{entry['op']}/{entry['kernel']}", entry["name"], entry["warps"], entry["stages"]]
        lines.append(f"| {' | '.join(map(str, cells + took))} |\n")
    return "".join(lines)


def main() -> None:
    """Compile, show, and write where asked."""
    parser = argparse.ArgumentParser(prog="python -m bench.kernels.resources")
    parser.add_argument("--only", nargs="*", default=[], help="operations by name; all by default")
    parser.add_argument("--chip", nargs="*", type=int, default=CHIPS)
    parser.add_argument("--brief", action="store_true", help="one configuration of each kernel")
    parser.add_argument("--write", action="store_true")
    asked = parser.parse_args()
    modules = [m for m in MODULES if not asked.only or op_of(m) in asked.only]
    found = measure(listed(modules, asked.brief), asked.chip)
    record = {"triton": triton.__version__, "torch": torch.__version__, "kernels": found}
    if asked.write:
        RECORD.parent.mkdir(parents=True, exist_ok=True)
        RECORD.write_text(json.dumps(record, indent=1) + "\n", encoding="utf-8")
        TABLE.write_text(table(found), encoding="utf-8")
    print(json.dumps(record))
    if spilling(found):
        sys.exit("\n".join(["spilled:", *spilling(found)]))


if __name__ == "__main__":
    main()
