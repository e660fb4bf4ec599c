"""Who writes what Hugging Face's float32 model would may be timed; nobody else may."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor

from bench.engine import contest
from bench.engine.case import Case
from bench.engine.contest import Contest
from bench.engine.gate import Gate, WrongOutputError
from bench.engine.passed import shared
from bench.engine.reads import Reader
from bench.engine.trios import make
from bench.harness import BUILDS
from bench.peers import hf_static
from bench.peers.lineup import MINE, PEERS
from bench.peers.peer import Peer, Setup, Text, Write
from proxyfuse.models import quantising
from proxyfuse.trio import Trio
from proxyfuse_kernels import reference
from proxyfuse_kernels.cpu import CpuOps
from proxyfuse_kernels.quantised import Quantised
from tests.bench.conftest import SMALL

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


def test_a_compiled_step_is_one_graph_or_an_error(
    setup: Setup, small: Trio[Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whatever was compiled before is forgotten, so that no step is silently left uncompiled."""
    forgotten: list[bool] = []
    monkeypatch.setattr(torch.compiler, "reset", lambda: forgotten.append(True))
    asked: list[dict[str, Any]] = []
    monkeypatch.setattr(torch, "compile", lambda step, **named: (asked.append(named), step)[1])
    with hf_static.opened(small, setup) as write:
        assert forgotten == [True]
        write([[5, 6, 7]], [3])
    assert len(asked) == 3 and all(named["fullgraph"] for named in asked)


def test_a_model_is_one_graph(setup: Setup, small: Trio[Path]) -> None:
    """As torch traces it, wherever it then runs."""
    compile = partial(torch.compile, backend="eager", dynamic=False, fullgraph=True)
    with hf_static.opened(small, setup, lambda step: step) as plain:
        wanted = [text.ids for text in plain([[5, 6, 7]], [4])]
    with hf_static.opened(small, setup, compile) as write:
        assert [text.ids for text in write([[5, 6, 7]], [4])] == wanted


PASSES = ("here", "python -m bench.engine.latency --trio small")


def test_who_passed_in_one_step_does_not_pass_again_in_the_next(
    small: Trio[Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    looked: list[str] = []
    monkeypatch.setattr(Gate, "require_right", lambda _, peer, room: looked.append(peer.name))
    monkeypatch.setenv(BUILDS, str(tmp_path))
    loop = BY_NAME["Hugging Face loop, bfloat16"]

    def told(*peers: Peer, device: str = "cuda", trio: Trio[Path] = small) -> dict[str, str]:
        asked = Contest(
            peers=peers,
            folders=trio,
            gate=trio,
            device=device,
            rounds=1,
            seconds=1.0,
            scratch=tmp_path,
            reader=Reader("cpu", 4096),
            passed=shared(tmp_path, device, PASSES[1]),
        )
        looked.clear()
        asked._require_right()
        return asked.passed.told

    mine = BY_NAME[MINE]
    assert told(mine) == {MINE: PASSES[0]} and looked == [MINE]
    assert told(mine, loop) == {MINE: PASSES[1], loop.name: PASSES[0]} and looked == [loop.name]
    assert told(mine, loop) == dict.fromkeys((MINE, loop.name), PASSES[1]) and not looked
    others = make(SMALL, tmp_path / "another")
    for changed in (
        lambda: told(replace(mine, dtype="fp8")),
        lambda: told(mine, trio=others),
        lambda: told(mine, device="cpu"),
    ):
        assert changed() == {MINE: PASSES[0]} and looked == [MINE]
    monkeypatch.delenv(BUILDS)
    assert told(mine) == {MINE: PASSES[0]} and looked == [MINE], "a folder of somebody's own"


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
