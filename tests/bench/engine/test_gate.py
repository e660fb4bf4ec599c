"""Who writes what Hugging Face's float32 model would may be timed; nobody else may."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from torch import Tensor

from bench.engine import contest
from bench.engine.case import Case
from bench.engine.contest import Contest
from bench.engine.gate import Gate, WrongOutputError
from bench.engine.reads import Reader
from bench.peers import hf_static
from bench.peers.lineup import MINE, PEERS
from bench.peers.peer import Peer, Setup, Text, Write
from proxyfuse.models import quantising
from proxyfuse.trio import Trio
from proxyfuse_kernels import reference
from proxyfuse_kernels.cpu import CpuOps
from proxyfuse_kernels.quantised import Quantised

BY_NAME = {peer.name: peer for peer in PEERS}
HERE = [peer for peer in PEERS if peer.missing("cpu") is None]


@pytest.fixture(scope="module")
def gate(small: Trio[Path]) -> Gate:
    return Gate(small, "cpu")


@pytest.mark.parametrize("peer", HERE, ids=lambda peer: str(peer.name))
def test_every_rival_here_is_right(
    gate: Gate, setup: Setup, peer: Peer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("os.sched_getaffinity", lambda _: {0})  # spinning threads, a busy machine
    gate.require_right(peer, replace(setup, dtype=peer.dtype))


def test_a_base_in_8_bits_is_right_for_one(
    gate: Gate, setup: Setup, monkeypatch: pytest.MonkeyPatch
) -> None:
    peer = replace(BY_NAME[MINE], dtype="fp8")
    gate.require_right(peer, replace(setup, dtype="fp8"))
    quantise = quantising.quantise
    spoilt = lambda rows: Quantised(quantise(rows).values, quantise(rows).scales * 1.5)  # noqa: E731
    monkeypatch.setattr(quantising, "quantise", spoilt)
    with pytest.raises(WrongOutputError, match="proxyfuse, fp8: a token that it wrote is"):
        gate.require_right(peer, replace(setup, dtype="fp8"))


def test_the_static_cache_is_right_uncompiled(gate: Gate, setup: Setup) -> None:
    peer = Peer(
        name="static",
        open=lambda at, room: hf_static.opened(at, room, lambda step: step),
        dtype="bfloat16",
    )
    gate.require_right(peer, setup)


def test_the_static_cache_copies_what_the_next_graph_takes_back(gate: Gate, setup: Setup) -> None:
    """torch.compile's graphs of all models share memory: who runs takes back what others told."""
    told: list[Tensor] = []

    def compile(step: Callable[..., Any]) -> Callable[..., Any]:
        def run(**given: Any) -> Any:
            while told:
                told.pop().fill_(float("nan"))
            out = step(**given)
            told.append(out.logits)
            return out

        return run

    peer = replace(BY_NAME[MINE], open=lambda at, room: hf_static.opened(at, room, compile))
    gate.require_right(peer, setup)


def broken_norm(monkeypatch: pytest.MonkeyPatch) -> None:
    """The engine's norm, compiled or plain, adds a tenth to what it divides by."""
    for owner in (CpuOps, reference):
        right = owner.rms_norm

        def wrong(*given: Any, right: Callable[..., None] = right, **named: Any) -> None:
            bound = inspect.signature(right).bind(*given, **named)
            bound.arguments["eps"] += 0.1
            right(*bound.args, **bound.kwargs)

        monkeypatch.setattr(owner, "rms_norm", wrong)


def test_a_broken_kernel_is_not_timed(
    small: Trio[Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    broken_norm(monkeypatch)
    monkeypatch.setattr(contest, "in_turns", lambda *_, **__: pytest.fail("it was timed"))
    with pytest.raises(WrongOutputError, match="proxyfuse, float32: a token that it wrote is"):
        Contest(
            peers=[BY_NAME[MINE]],
            folders=small,
            gate=small,
            device="cpu",
            rounds=1,
            seconds=1.0,
            scratch=tmp_path,
            reader=Reader("cpu", 4096),
        ).run({"one": Case([[5, 6]], [2], 1)})


@pytest.mark.parametrize(
    ("spoil", "message"),
    [
        (lambda text: [*text[:-1], (text[-1] + 1) % 301], "below the likeliest"),
        (lambda text: text[:-1], "want 8 tokens of each"),
    ],
)
def test_one_wrong_token_is_found(
    gate: Gate, setup: Setup, spoil: Callable[[list[int]], list[int]], message: str
) -> None:
    honest = BY_NAME["Hugging Face loop, float32"]

    @contextmanager
    def opened(folders: Trio[Path], room: Setup) -> Iterator[Write]:
        with honest.open(folders, room) as write:

            def wrong(prompts: Sequence[Sequence[int]], lengths: Sequence[int]) -> list[Text]:
                first, *others = write(prompts, lengths)
                return [Text(spoil(first.ids), first.times), *others]

            yield wrong

    with pytest.raises(WrongOutputError, match=message):
        gate.require_right(Peer(name="liar", open=opened, dtype="float32"), setup)


def test_logits_that_are_no_numbers_are_refused(
    gate: Gate, setup: Setup, monkeypatch: pytest.MonkeyPatch
) -> None:
    right = Gate._compute

    def broken(self: Gate, *given: Any) -> Tensor:
        return right(self, *given) * float("nan")

    monkeypatch.setattr(Gate, "_compute", broken)
    monkeypatch.setattr(gate, "_known", {})
    with pytest.raises(WrongOutputError):
        gate.require_right(BY_NAME["Hugging Face loop, float32"], setup)
