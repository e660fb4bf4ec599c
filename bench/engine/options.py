"""The options that the engine's benches share, and what they name."""

from __future__ import annotations

import argparse
import shlex
import sys
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from bench.engine.trios import SHAPES, SOFT, folders, make, outline
from bench.peers.lineup import chosen
from bench.peers.peer import Peer
from proxyfuse.trio import Role, Trio

CPU_SET = ["demo", "mid"]


@dataclass(frozen=True)
class Material:
    """A trio to time, and the one that the gate looks at."""

    name: str
    folders: Trio[Path]
    gate: Trio[Path]
    load_format: str = "auto"  # of `folders`; those of the gate always have files


def make_parser(
    about: str | None,
    trios: Sequence[str],
    peers: Sequence[str],
    rounds: int | None = None,
    seconds: float = 0.0,
) -> argparse.ArgumentParser:
    """A parser with the options that every bench has, and those of a contest if it has rounds."""
    parser = argparse.ArgumentParser(
        description=about, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    names = ", ".join(["demo", *SHAPES])
    parser.add_argument("--trio", nargs="+", default=list(trios), help=f"of {names}")
    parser.add_argument(
        "--agreeing", action="store_true", help="random weights whose expert decides"
    )
    parser.add_argument("--base", type=Path, help="a folder, instead of a named trio")
    parser.add_argument("--expert", type=Path)
    parser.add_argument("--antiexpert", type=Path)
    parser.add_argument("--device", choices=("cpu", "cuda"), default="cpu")
    text = "of this engine, beside rivals whose base stays as it is"
    parser.add_argument("--base-quantization", choices=("fp8",), help=text)
    parser.add_argument("--peers", nargs="*", default=list(peers), help="patterns of names")
    parser.add_argument("--scratch", type=Path, help="a folder for random weights, kept afterwards")
    if rounds is not None:
        parser.add_argument("--rounds", type=int, default=rounds, help="of a ratio, at most")
        text = "of all ratios of a trio, the least certain next; each has three rounds anyway"
        parser.add_argument("--seconds", type=float, default=seconds, help=text)
        text = "one peer open at a time, where no two fit; ratios are then of different minutes"
        parser.add_argument("--apart", action="store_true", help=text)
    return parser


def materials(asked: argparse.Namespace, scratch: Path) -> Iterator[Material]:
    """The trios asked for."""
    if asked.base is not None:
        given = {
            Role.BASE: asked.base,
            Role.EXPERT: asked.expert,
            Role.ANTIEXPERT: asked.antiexpert,
        }
        own = Trio({role: folder for role, folder in given.items() if folder is not None})
        yield Material(asked.base.name, own, own)
        return
    for name in asked.trio:
        label = f"{name}, agreeing" if asked.agreeing and name != "demo" else name
        if asked.device == "cuda" and name in SHAPES:
            yield _drawn(name, label, scratch, asked.agreeing)
        else:
            made = folders(name, scratch / label, asked.agreeing)
            yield Material(label, made, made)


def _drawn(name: str, label: str, scratch: Path, agreeing: bool) -> Material:
    """Nothing but the gate's shapes of two layers is ever on a disk: the whole is too big.

    Where the whole agrees these do too, if less, so that the gate sees drafts kept and drafts lost.
    """
    drawn = outline(SHAPES[name], scratch / f"{label}, drawn", agreeing)
    gate = make(SHAPES[name].shallow(), scratch / f"{label}, shallow", SOFT if agreeing else 1.0)
    return Material(label, drawn, gate, load_format="dummy")


@contextmanager
def scratch_folder(asked: argparse.Namespace) -> Iterator[Path]:
    """The folder asked for, or one that goes away again."""
    if asked.scratch is not None:
        yield asked.scratch
        return
    with tempfile.TemporaryDirectory() as folder:
        yield Path(folder)


def rivals(asked: argparse.Namespace) -> tuple[list[Peer], list[str]]:
    """The peers asked for that can run here, and what cannot and why, which is printed too."""
    peers = chosen(asked.peers, asked.device, asked.base_quantization)
    here = [peer for peer in peers if peer.missing(asked.device) is None]
    missing = [why for peer in peers if (why := peer.missing(asked.device))]
    missing += dict.fromkeys(peer.without for peer in here if peer.without)
    for why in missing:
        print(f"missing: {why}", file=sys.stderr)
    return here, missing


def command(module: str) -> str:
    """How this process was started; not where it kept its weights, which changes no figure."""
    words = list(sys.argv[1:])
    if "--scratch" in words:
        at = words.index("--scratch")
        del words[at : at + 2]
    return shlex.join(["python", "-m", module, *words])
