"""Each operation's case: every version passes the gate, and a broken one does not."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

import pytest
import torch
from torch import Tensor
from torch.nn import functional as F

from proxyfuse.measure.ops import (
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
    rows,
    select,
    silu_mul,
)
from proxyfuse.measure.ops.case import (
    Buffers,
    Case,
    Place,
    WrongResultError,
    compiled,
    noise,
    require_close,
)
from proxyfuse_kernels.cpu import available

PLACE = Place.of("cpu", threads=1, every=True)
BF16 = torch.bfloat16
CASES: dict[str, Callable[[Place, int], Case]] = {
    "embed": lambda place, n: embed.case(place, n, 111, 24, BF16),
    "rms_norm": lambda place, n: rms_norm.case(place, n, 24, BF16),
    "linear": lambda place, n: linear.case(place, n, 24, 37, BF16),
    "linear head": lambda place, n: linear.case(place, n, 24, 111, BF16, head=True),
    "linear float32": lambda place, n: linear.case(place, n, 24, 37, torch.float32),
    "linear_fp8": lambda place, n: linear_fp8.case(place, n, 24, 37, BF16),
    "rope_append": lambda place, n: rope_append.case(place, n, 4, 2, 10, BF16),
    "paged_attention": lambda place, n: paged_attention.case(place, n, 37, 4, 2, 10, BF16),
    "silu_mul": lambda place, n: silu_mul.case(place, n, 37, BF16),
    "select": lambda place, n: select.case(place, n, 24),
    "place": lambda place_, n: place.case(place_, n),
    "remember": lambda place, n: hindsight.remember_case(place, n, 1500),
    "recall": lambda place, n: hindsight.recall_case(place, n, 1500),
    "proxy_sample": lambda place, n: proxy_sample.case(place, n, 111),
    "proxy_sample nucleus": lambda place, n: proxy_sample.case(place, n, 111, 0.9),
    "fused_head_sample": lambda place, n: fused_head_sample.case(place, n, (48, 24), 111),
}
RESULTS = ("out", "logits", "logprobs", "logsumexp")


@pytest.fixture(autouse=True)
def _seeded() -> None:
    torch.manual_seed(0)


@pytest.mark.parametrize("count", [1, 3, 8])
@pytest.mark.parametrize("name", CASES)
def test_every_version_is_right(name: str, count: int) -> None:
    case = CASES[name](PLACE, count)
    judge = case.gate(case.make())
    for version, implementation in case.implementations.items():
        judge(version, implementation)
    assert "reference" in case.implementations
    if available():
        assert sum(way.startswith("compiled ") for way in case.implementations) >= 2


@pytest.mark.gpu
@pytest.mark.parametrize("name", CASES)
def test_every_version_is_right_on_a_gpu(name: str) -> None:
    case = CASES[name](Place.of("cuda"), 8)
    judge = case.gate(case.make())
    for version, implementation in case.implementations.items():
        judge(version, implementation)


@pytest.mark.parametrize("name", CASES)
def test_a_broken_version_is_refused(name: str) -> None:
    """What writes nothing, or writes the last row wrong, in the place of any version."""
    case = CASES[name](PLACE, 3)
    judge = case.gate(case.make())
    for version, implementation in case.implementations.items():

        def off(buffers: Buffers, implementation: Any = implementation) -> Any:
            run = implementation({key: x.clone() for key, x in buffers.items()})
            return lambda: _spoilt(run(), buffers)

        with pytest.raises(WrongResultError, match=version):
            judge(version, off)


def test_one_key_or_one_input_short_is_refused() -> None:
    attention = paged_attention.case(PLACE, 3, 200, 4, 2, 64, BF16)
    product = linear.case(PLACE, 3, 1024, 512, BF16)

    def one_key_short(b: Buffers) -> Any:
        return attention.implementations["reference"](b | {"positions": b["positions"] - 1})

    def one_input_short(b: Buffers) -> Any:
        return partial(F.linear, b["x"][:, 1:], b["weight"][:, 1:])

    for case, broken in ((attention, one_key_short), (product, one_input_short)):
        with pytest.raises(WrongResultError, match="from the reference"):
            case.gate(case.make())("broken", broken)


def _spoilt(returned: torch.Tensor | None, buffers: Buffers) -> torch.Tensor | None:
    """The run wrote into clones, so that the buffers hold nothing new; what it returned is bent."""
    if returned is None:
        return None
    bent = returned.clone()
    bent[-1] += 1
    return bent


def test_the_gate_leaves_inputs_that_are_not_zeros() -> None:
    for make in CASES.values():
        buffers = make(PLACE, 8).make()
        for name, x in buffers.items():
            if x.is_floating_point() and name.rpartition(" ")[2] not in RESULTS:
                wide = x.float()
                assert wide.isfinite().all() and (wide != 0).float().mean() > 0.99, name


def test_two_roundings_are_allowed_and_no_more() -> None:
    want = torch.full((64,), -1.0, dtype=BF16)
    one = torch.zeros(64, dtype=BF16)
    one[3] = torch.finfo(BF16).eps
    require_close("near", want + 2 * one, want)
    for wrong in (want + 3 * one, want * (1 + 2 * one[3]), want * torch.nan, want[:1]):
        with pytest.raises(WrongResultError):
            require_close("far", wrong, want)


def test_large_noise_repeats_at_no_row_width() -> None:
    x = noise(1100, 1024, dtype=BF16, device=torch.device("cpu"))
    assert len(torch.unique(x, dim=0)) == len(x)


def test_a_product_moves_its_weights_once() -> None:
    assert linear.case(PLACE, 2, 10, 30, BF16).bytes == 2 * (2 * 10 + 10 * 30 + 2 * 30)
    assert linear.case(PLACE, 2, 10, 30, BF16, head=True).bytes == 2 * (2 * 10 + 10 * 30) + 4 * 60
    assert linear_fp8.case(PLACE, 2, 10, 30, BF16).bytes == 300 + 4 * 30 + 2 * (2 * 10 + 2 * 30)


def test_a_gpu_also_compiles_torchs_way(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch, "compile", partial(torch.compile, backend="eager"))
    for make in CASES.values():
        case = make(Place(torch.device("cuda")), 3)
        assert ("torch, compiled" in case.implementations) == ("torch" in case.implementations)
        assert not any(name.startswith("compiled ") for name in case.implementations)
    x, weight = torch.randn(3, 8), torch.randn(5, 8)
    assert torch.equal(rows._compiled(partial(F.linear, x, weight))(), F.linear(x, weight))


@pytest.mark.parametrize("name", ["rms_norm", "silu_mul", "embed", "select", "paged_attention"])
def test_each_case_is_compiled_once_for_its_shapes(
    name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Not once a copy, not for any shape, and never eager in silence: from more cases than torch
    recompiles a function for."""
    shapes: list[list[object]] = []

    def backend(graph: torch.fx.GraphModule, inputs: list[Tensor]) -> Callable[..., Any]:
        shapes.append([size for x in inputs for size in x.shape])
        return graph.forward

    monkeypatch.setattr(torch, "compile", partial(torch.compile, backend=backend))
    torch.compiler.reset()
    for count in range(1, 12):
        torch.compiler.reset()
        case = CASES[name](Place(torch.device("cpu")), count)
        rival = case.implementations["torch"]
        for _ in range(3):
            run = rival(case.make())
            assert isinstance(run, partial)
            rows._compiled(run)()
    assert len(shapes) == 11 and all(type(size) is int for its in shapes for size in its)


def test_a_rival_that_torch_gives_up_compiling_is_an_error(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(torch, "compile", partial(torch.compile, backend="eager"))
    torch.compiler.reset()
    run = compiled(lambda x: x + 1)
    with pytest.raises(Exception, match="fullgraph"):
        for count in range(2, 30):
            run(torch.ones(count))


@pytest.mark.parametrize("top_p", [1.0, 0.9])
def test_the_sampler_of_torch_compiles_in_one_piece(
    top_p: float, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(torch, "compile", partial(torch.compile, backend="eager"))
    torch.compiler.reset()
    monkeypatch.setattr(proxy_sample, "find_spec", lambda _: None)
    monkeypatch.setattr(proxy_sample, "available", lambda: False)
    asked = proxy_sample.case(PLACE, 3, 111, top_p)
    ways = proxy_sample._versions(Place(torch.device("cuda")), 111, lambda: None, top_p)  # type: ignore[arg-type, return-value]
    asked.gate(asked.make())("torch, compiled", ways["torch, compiled"])
