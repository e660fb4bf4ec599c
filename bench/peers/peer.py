"""What a rival is: a name, what it needs, and one function that opens it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path

import torch

from proxyfuse.trio import Role, Trio


@dataclass(frozen=True)
class Text:
    """A continuation, and when each of its tokens was there.

    Times are those of `time.perf_counter`, ascending; tokens that came together have one.
    """

    ids: list[int]
    times: list[float]

    def extend(self, whole: Sequence[int], now: float) -> None:
        """The text is `whole` by now; what is new of it came together."""
        fresh = whole[len(self.ids) :]
        self.ids.extend(fresh)
        self.times.extend([now] * len(fresh))


Write = Callable[[Sequence[Sequence[int]], Sequence[int]], list[Text]]
"""(prompts, lengths) -> greedy continuations, each of its length, whatever ends a text."""


def in_columns(
    columns: Sequence[Sequence[int]], times: Sequence[float], lengths: Sequence[int]
) -> list[Text]:
    """The texts of a static batch, of which every step gave each row a token at one time."""
    texts = zip(*columns, strict=True)
    return [
        Text(list(ids[:length]), list(times[:length]))
        for ids, length in zip(texts, lengths, strict=True)
    ]


@dataclass(frozen=True, kw_only=True)
class Setup:
    """What a rival makes room for."""

    dtype: str  # float32, bfloat16, fp8 (bfloat16 over a base in 8 bits) or q8_0, if it has that
    device: str  # cpu or cuda
    sequences: int  # written at once, at most
    tokens: int  # of the longest sequence, prompt and continuation
    scratch: Path  # a folder for files that it needs in a form of its own
    load_format: str = "auto"  # "dummy": random weights, for folders of a config.json alone


@dataclass(frozen=True, kw_only=True)
class Peer:
    """One column of a table. It holds its models only while it is open."""

    name: str
    open: Callable[[Trio[Path], Setup], AbstractContextManager[Write]]
    dtype: str
    roles: tuple[Role, ...] = tuple(Role)
    exact: bool = True  # opened in float32, it writes the reference's tokens and no others
    needs: tuple[str, ...] = ()  # modules
    install: str = ""
    devices: tuple[str, ...] = ("cpu", "cuda")
    without: str = ""  # what of it this machine cannot time, and why

    def missing(self, device: str) -> str | None:
        """Why it cannot run here, or None."""
        if device not in self.devices:
            return f"{self.name}: got device {device}, want {' or '.join(self.devices)}"
        if device == "cuda" and not torch.cuda.is_available():
            return f"{self.name}: want a CUDA device, torch sees none"
        lacking = [module for module in self.needs if find_spec(module) is None]
        if lacking:
            return f"{self.name}: {', '.join(lacking)} not installed; {self.install}"
        return None
