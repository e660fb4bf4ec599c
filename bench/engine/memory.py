"""Peak resident memory: this engine against weights + arena + the bare runtime, and its rivals.

    python -m bench.engine.memory

Each figure is the peak of a fresh process. The bare runtime is one that has imported everything the
engine imports and done nothing. On a GPU the host's memory is not what fills up; run it on a CPU.
"""

from __future__ import annotations

import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import torch

from bench.engine.gate import random_prompts
from bench.engine.options import command, make_parser, materials, rivals, scratch_folder
from bench.engine.storage import stored
from bench.harness import save
from bench.peers.engine import arena_bytes, kept
from bench.peers.lineup import MINE, PEERS
from bench.peers.peer import Peer, Setup
from proxyfuse.measure import peak_memory
from proxyfuse.models.config import read_config
from proxyfuse.models.loading import weights_bytes
from proxyfuse.trio import Role, Trio

SEQUENCES, PROMPT, TOKENS = 32, 64, 16


def write_once(peer: Peer, folders: Trio[Path], scratch: Path) -> int:
    """A crowd, in this process; its peak afterwards."""
    prompts = random_prompts(SEQUENCES, (PROMPT, PROMPT), _vocab(folders), seed=5)
    with peer.open(folders.only(peer.roles), _setup(peer, scratch)) as write:
        write(prompts, [TOKENS] * SEQUENCES)
    return peak_memory()


def measure(peers: list[Peer], folders: Trio[Path], scratch: Path) -> dict[str, Any]:
    """Every peer's peak, and this engine's over what it promises."""
    places = [str(folder) for folder in folders.values()]
    bare = _in_a_fresh_process(["--bare"])
    one = {peer.name: ["--one", peer.name, peer.dtype, str(scratch), *places] for peer in peers}
    for peer in (peer for peer in peers if peer.needs):  # it writes files of its own at first
        _in_a_fresh_process(one[peer.name])
    peaks = {name: _in_a_fresh_process(words) for name, words in one.items()}
    (mine,) = (peer for peer in peers if peer.name == MINE)
    base = {Role.BASE: kept(mine.dtype)[1]}
    weights = sum(
        weights_bytes(at, read_config(at), torch.bfloat16, base.get(role))
        for role, at in folders.items()
    )
    arena = arena_bytes(folders, _setup(mine, scratch))
    return {
        "stored": stored(folders),
        "bare": bare,
        "weights": weights,
        "arena": arena,
        "peaks": peaks,
        "peak_over_sum": peaks[MINE] / (bare + weights + arena),
    }


def _setup(peer: Peer, scratch: Path) -> Setup:
    return Setup(
        dtype=peer.dtype,
        device="cpu",
        sequences=SEQUENCES,
        tokens=PROMPT + TOKENS,
        scratch=scratch,
    )


def _vocab(folders: Trio[Path]) -> int:
    return min(read_config(folder).vocab_size for folder in folders.values())


def _in_a_fresh_process(arguments: list[str]) -> int:
    """The peak that it prints last."""
    again = [sys.executable, "-m", "bench.engine.memory", *arguments]
    done = subprocess.run(again, check=True, capture_output=True, text=True)
    return int(done.stdout.splitlines()[-1])


def _be_one(name: str, dtype: str, scratch: str, *places: str) -> None:
    (peer,) = (replace(peer, dtype=dtype) for peer in PEERS if peer.name == name)
    folders = Trio(dict(zip(Role, map(Path, places), strict=False)))
    print(write_once(peer, folders, Path(scratch)))


def main() -> None:
    """Parse, measure, save; or be one of the measured processes."""
    if sys.argv[1:2] == ["--bare"]:
        print(peak_memory())
    elif sys.argv[1:2] == ["--one"]:
        _be_one(*sys.argv[2:])
    else:
        _measure_all()


def _measure_all() -> None:
    parser = make_parser(__doc__, ["mid"], ["proxyfuse", "* loop, bfloat16"])
    asked = parser.parse_args()
    if asked.device != "cpu":
        parser.error(f"--device: got {asked.device}, want cpu: peaks are of a process's own memory")
    peers, missing = rivals(asked)
    found: dict[str, Any] = {}
    with scratch_folder(asked) as scratch:
        for material in materials(asked, scratch):
            figures = measure(peers, material.folders, scratch / "files")
            found[material.name] = figures
            share = figures["peak_over_sum"]
            print(f"{material.name}: proxyfuse peaks at {share:.3f} of weights + arena + bare")
            for name, peak in figures["peaks"].items():
                print(f"  {name:36} {peak / 2**20:,.0f} MiB")
    save("memory", command("bench.engine.memory"), {"trios": found, "missing": missing})


if __name__ == "__main__":
    main()
