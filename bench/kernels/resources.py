"""What every Triton kernel takes of a chip, compiled for chips that need not be there.

python -m bench.kernels.resources [--only OP ...] [--chip 80 ...] [--brief] [--write]

Exits with 1 where a kernel spills. With --write, leaves what this version of triton makes of them
in bench/results/aot/, beside what others did, and the table of all in
docs/findings/kernel-resources.md.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import re
import sys
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from types import ModuleType
from typing import Any

import torch
import triton

from bench.kernels.ahead import compiled, resources
from proxyfuse_kernels.build import Build
from proxyfuse_kernels.embed import kernel as embed
from proxyfuse_kernels.fused_head_sample import launch as fused_head_sample
from proxyfuse_kernels.hindsight import kernel as hindsight
from proxyfuse_kernels.linear import kernel as linear
from proxyfuse_kernels.linear_fp8 import kernel as linear_fp8
from proxyfuse_kernels.paged_attention import kernel as paged_attention
from proxyfuse_kernels.place import kernel as place
from proxyfuse_kernels.proxy_sample import builds as proxy_sample
from proxyfuse_kernels.rms_norm import kernel as rms_norm
from proxyfuse_kernels.rope_append import kernel as rope_append
from proxyfuse_kernels.silu_mul import kernel as silu_mul

Entry = dict[str, Any]
Record = dict[str, Any]  # of one version of triton: its entries, and the hash of their sources
MODULES = (
    embed,
    fused_head_sample,
    hindsight,
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
KERNELS = ROOT / "kernels/proxyfuse_kernels"
COMPILED = re.compile(r"^(import triton|from (triton|proxyfuse_kernels\.build)\b)", re.MULTILINE)
RECORD = ROOT / "bench/results/aot/kernel-resources.json"
TABLE = ROOT / "docs/findings/kernel-resources.md"
HEAD = """\
# What the Triton kernels take of a chip

Compiled ahead of time, without a device, by `python -m bench.kernels.resources --write` under each
version of triton: {tritons}, whose own tools say what a kernel uses. Registers are of a
thread, one number a version; shared memory is bytes of a block, spills are bytes of a thread. A
kernel of every step that spills under any of them is a defect, and
`tests/bench/kernels/test_resources.py` fails on one. The record is
`bench/results/aot/kernel-resources.json`, with a hash of the sources that it was made from; the
same test fails where they have changed since.

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


def sources(root: Path = KERNELS) -> str:
    """A hash of every file that has a kernel, what it calls, or how it is compiled."""
    found = hashlib.sha256()
    for path in sorted(root.rglob("*.py")):
        text = path.read_text(encoding="utf-8")
        if COMPILED.search(text):
            found.update(f"{path.relative_to(root).as_posix()}\n{text}".encode())
    return found.hexdigest()


def table(record: Mapping[str, Record]) -> str:
    """The finding, in Markdown, of what is recorded of each version of triton."""
    recorded = [one["kernels"] for one in record.values()]
    chips = list(recorded[0][0]["chips"])
    tritons = ", ".join(record)
    lines = [HEAD.format(tritons=tritons, chips=" | ".join(chips), rules="---|" * len(chips))]
    for entries in zip(*recorded, strict=True):
        entry = entries[0]
        took = [_cell([entry["chips"][chip] for entry in entries]) for chip in chips]
        cells = [f"{entry['op']}/{entry['kernel']}", entry["name"], entry["warps"], entry["stages"]]
        lines.append(f"| {' | '.join(map(str, cells + took))} |\n")
    return "".join(lines)


def _cell(took: list[dict[str, int]]) -> str:
    """What one configuration takes of one chip: a number a version, or one where they agree."""
    registers, shared, stack = (
        " / ".join(dict.fromkeys(str(t[name]) for t in took))
        for name in ("registers", "shared", "stack")
    )
    return f"{registers} reg, {shared} B" + f", **{stack} B spilled**" * (stack != "0")


def write(found: list[Entry]) -> None:
    """Put these entries among those of other versions, and make the table anew."""
    RECORD.parent.mkdir(parents=True, exist_ok=True)
    before = json.loads(RECORD.read_text(encoding="utf-8")) if RECORD.exists() else {}
    made = {"sources": sources(), "kernels": found}
    record = dict(sorted((before | {triton.__version__: made}).items()))
    RECORD.write_text(json.dumps(record, indent=1) + "\n", encoding="utf-8")
    if len({len(one["kernels"]) for one in record.values()}) == 1:
        TABLE.write_text(table(record), encoding="utf-8")
    else:  # the last of them to be made anew writes it
        print("no table yet: other versions know other configurations", file=sys.stderr)


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
        write(found)
    print(json.dumps(record))
    if spilling(found):
        sys.exit("\n".join(["spilled:", *spilling(found)]))


if __name__ == "__main__":
    main()
