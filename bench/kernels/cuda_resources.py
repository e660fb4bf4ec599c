"""What the CUDA C++ sampler takes of a chip, and that nothing in it is contracted, by nvcc alone.

python -m bench.kernels.cuda_resources [--chip 80 ...] [--write]

Exits with 1 where a kernel spills or a product is fused with a sum. With --write, leaves the record
in bench/results/aot/ and the table in docs/findings/cuda-sampler-resources.md.
"""

from __future__ import annotations

import argparse
import json
import re
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

Entry = dict[str, Any]
CHIPS = ("80", "90a", "100")
ROOT = Path(__file__).parents[2]
SOURCE = ROOT / "csrc/cuda/proxy_sample.cu"
RECORD = ROOT / "bench/results/aot/cuda-sampler-resources.json"
TABLE = ROOT / "docs/findings/cuda-sampler-resources.md"
FLAGS = ("-std=c++17", "--fmad=false", "-Werror=all-warnings", "-Xcompiler=-Wall,-Wextra")
STORAGE = ("float32", "bfloat16", "float16", "mixed types")
HEAD = """\
# What the sampler in CUDA C++ takes of a chip

Compiled without a device by `python -m bench.kernels.cuda_resources --write` ({nvcc}). Registers
are of a thread; a block has 512, so that a multiprocessor holds two blocks up to 64 registers, and
one up to 128. A block takes 18 KB of shared memory, and on sm_90 and later 4 bytes more for each id
of its share where rows are filtered (74 KB at 151936 ids), and again where ranks or the likeliest
ids are asked for. A spill is a defect, and so is a product that is contracted with a sum:
`tests/bench/kernels/test_cuda_resources.py` fails on either. The record is
`bench/results/aot/cuda-sampler-resources.json`. No GPU has run these kernels.

| kernel | {chips} |
|---|{rules}
"""
ASSEMBLED = re.compile(
    r"entry function '(?P<name>\S+)'.*?(?P<stack>\d+) bytes stack frame, "
    r"(?P<spilled>\d+) bytes spill stores.*?Used (?P<registers>\d+) registers",
    re.DOTALL,
)
KERNEL = re.compile(r"sample_(clustered|arriving)ILNS\w+?StorageE(\d)ELb(\d)E")
CONTRACTED = re.compile(r"\b(?:fma|mad)\S*\.f(?:16|32|64)\S*")


def nvcc_version() -> str:
    """The compiler's own words for its release."""
    told = subprocess.run(["nvcc", "--version"], capture_output=True, text=True, check=True)
    return f"nvcc {told.stdout.split(' V')[-1].split()[0]}"


def compile_for(chip: str) -> tuple[str, str]:
    """What the assembler says of each kernel, and the kernels as PTX."""
    include = [f"-I{ROOT / 'csrc'}", f"-I{ROOT / 'csrc/include'}"]
    with tempfile.TemporaryDirectory() as scratch:
        kept = ["-Xptxas=-v", "-keep", "-keep-dir", scratch, "-o", f"{scratch}/out.cubin"]
        words = ["nvcc", *FLAGS, f"-arch=sm_{chip}", *include, "-cubin", *kept, str(SOURCE)]
        done = subprocess.run(words, capture_output=True, text=True)
        if done.returncode != 0:
            raise RuntimeError(done.stdout + done.stderr)
        return done.stderr, (Path(scratch) / "proxy_sample.ptx").read_text()


def kernels_in(said: str) -> dict[str, Entry]:
    """What each kernel of the chip's kind takes: of clusters, or of blocks that arrive."""
    found = {}
    for told in ASSEMBLED.finditer(said):
        kernel = KERNEL.search(told["name"])
        if kernel is None:
            raise ValueError(f"{told['name']}: got a kernel of this name, want one of ours")
        name = f"{STORAGE[int(kernel[2])]}{', filters' * int(kernel[3])}"
        took = {key: int(told[key]) for key in ("registers", "stack", "spilled")}
        if took["registers"] > 16:  # less is the other kind's, which is empty on this chip
            found[name] = {"kind": kernel[1], **took}
    return found


def measure(chips: Sequence[str]) -> Entry:
    """The record, for so many chips."""
    compiled = {chip: compile_for(chip) for chip in chips}
    kernels = {f"sm_{chip}": kernels_in(said) for chip, (said, _) in compiled.items()}
    contracted = sorted({op for _, ptx in compiled.values() for op in CONTRACTED.findall(ptx)})
    return {"nvcc": nvcc_version(), "kernels": kernels, "contracted": contracted}


def defects(record: Entry) -> list[str]:
    """Kernels that keep registers in memory, and operations that round once instead of twice."""
    spills = [
        f"{name} on {chip}: {took['stack']} bytes of stack, {took['spilled']} spilled"
        for chip, kernels in record["kernels"].items()
        for name, took in kernels.items()
        if took["stack"] or took["spilled"]
    ]
    return spills + [f"contracted: {op}" for op in record["contracted"]]


def table(record: Entry) -> str:
    """The finding, in Markdown."""
    chips = list(record["kernels"])
    head = HEAD.format(nvcc=record["nvcc"], chips=" | ".join(chips), rules="---|" * len(chips))
    names = sorted(record["kernels"][chips[0]])
    rows = [
        [f"{record['kernels'][chip][name]['registers']} reg" for chip in chips] for name in names
    ]
    lines = [f"| {name} | {' | '.join(row)} |\n" for name, row in zip(names, rows, strict=True)]
    return head + "".join(lines)


def main() -> None:
    """Compile, show, and write where asked."""
    parser = argparse.ArgumentParser(prog="python -m bench.kernels.cuda_resources")
    parser.add_argument("--chip", nargs="*", default=CHIPS)
    parser.add_argument("--write", action="store_true")
    asked = parser.parse_args()
    record = measure(asked.chip)
    if asked.write:
        RECORD.write_text(json.dumps(record, indent=1) + "\n", encoding="utf-8")
        TABLE.write_text(table(record), encoding="utf-8")
    print(json.dumps(record))
    if defects(record):
        sys.exit("\n".join(defects(record)))


if __name__ == "__main__":
    main()
