"""The case of `fused_head_sample`: its products are exact, so that its gate needs no slack."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import partial
from typing import Any

import pytest
import torch

from proxyfuse.measure.ops import fused_head_sample, fused_head_versions
from proxyfuse.measure.ops.case import Buffers, Case, Place, WrongResultError, compiled
from proxyfuse.measure.ops.fused_head_versions import ROLES
from proxyfuse_kernels.proxy_sample import SampleRows
from tests.bench.pretend import OnTheHost, pretend

pytestmark = pytest.mark.filterwarnings("ignore:invalid value:RuntimeWarning")
CPU = Place(torch.device("cpu"))
LLAMA3 = (4096, 2048)  # of 8 billion parameters, and of 1 billion


def one_input_short(role: str) -> Callable[[Buffers], Buffers]:
    def last(buffers: Buffers) -> Buffers:
        hidden = buffers[f"{role} hidden"].clone()
        hidden[:, -1] = 0
        return buffers | {f"{role} hidden": hidden}

    return last


def alpha_ignored(buffers: Buffers) -> Buffers:
    return buffers | {f"expert {x}": buffers[f"antiexpert {x}"] for x in ("hidden", "head")}


def one_row_late(buffers: Buffers) -> Buffers:
    return buffers | {"base hidden": buffers["base hidden"].roll(1, 0)}


BROKEN = {f"one input of the {role} short": one_input_short(role) for role in ROLES}
BROKEN |= {"alpha ignored": alpha_ignored, "one row late": one_row_late}


@pytest.fixture(autouse=True)
def _seeded() -> None:
    torch.manual_seed(0)


@pytest.fixture
def gpu_case(monkeypatch: pytest.MonkeyPatch) -> Iterator[Case]:
    """On a pretended GPU, whose kernels are interpreted."""
    pytest.importorskip("triton")
    pretend(monkeypatch)
    with OnTheHost():
        yield fused_head_sample.case(Place(torch.device("cuda")), 3, (96, 48), 111)


def require_refused(case: Case, version: str, wrong: Callable[[Buffers], Buffers]) -> None:
    buffers = case.make()
    judge, implementation = case.gate(buffers), case.implementations[version]
    judge(version, implementation)
    with pytest.raises(WrongResultError, match="broken"):
        judge("broken", lambda b: implementation(wrong(b)))


@pytest.mark.parametrize("wrong", BROKEN)
def test_what_is_little_wrong_at_a_real_width_is_refused(wrong: str) -> None:
    case = fused_head_sample.case(CPU, 3, LLAMA3, 300)
    require_refused(case, "reference", BROKEN[wrong])


@pytest.mark.parametrize("wrong", BROKEN)
@pytest.mark.parametrize("version", ["triton", "triton, apart"])
def test_a_broken_kernel_is_refused(version: str, wrong: str, gpu_case: Case) -> None:
    require_refused(gpu_case, version, BROKEN[wrong])


def test_rows_without_alpha_are_refused(gpu_case: Case, monkeypatch: pytest.MonkeyPatch) -> None:
    judge = gpu_case.gate(gpu_case.make())
    alone = SampleRows.plain(3, alpha=torch.zeros(3), seed=torch.arange(3))
    monkeypatch.setattr(SampleRows, "plain", lambda *_, **__: alone)
    with pytest.raises(WrongResultError, match="triton"):
        judge("triton", gpu_case.implementations["triton"])


def test_ours_come_first_and_the_fused_one_before_all(gpu_case: Case) -> None:
    named = list(gpu_case.implementations)
    assert named == ["triton", "triton, apart", "reference", "torch", "torch, compiled"]


@pytest.mark.parametrize("widths", [LLAMA3, (1024, 512), (33, 17)])
def test_products_are_exact_in_any_order(widths: tuple[int, int]) -> None:
    buffers = fused_head_sample.case(CPU, 3, widths, 200).make()
    for role in ROLES:
        hidden, head = buffers[f"{role} hidden"], buffers[f"{role} head"]
        exact = hidden.double() @ head.double().T
        order = torch.randperm(hidden.shape[1])
        for found in (
            hidden.float() @ head.float().T,
            _one_by_one(hidden[:, order], head[:, order]),
        ):
            assert torch.equal(found.double(), exact)
        assert 2 < exact.std() < 4.5, "neither flat nor one-hot"


def _one_by_one(hidden: torch.Tensor, head: torch.Tensor) -> torch.Tensor:
    total = torch.zeros(len(hidden), len(head))
    for h, w in zip(hidden.float().T, head.float().T, strict=True):
        total += h[:, None] * w[None, :]
    return total


def test_heads_and_hidden_rows_are_all_that_must_move() -> None:
    case = fused_head_sample.case(CPU, 3, (10, 4), 30)
    assert case.bytes == 2 * (30 + 3) * (10 + 4 + 4)


@pytest.mark.parametrize("rows", [1, 64, 111])
def test_one_token_a_row_is_sure(rows: int) -> None:
    """Whatever the noise: it leads by more than what any noise of float32 adds."""
    buffers = fused_head_sample.case(CPU, rows, (48, 24), 111).make()
    sure = torch.arange(rows) * 7919 % 111
    peaked = fused_head_sample._peaked(buffers, sure)
    base, expert, antiexpert = (
        peaked[f"{role} hidden"].float() @ peaked[f"{role} head"].float().T for role in ROLES
    )
    ordered = (base + (expert - antiexpert)).sort(dim=-1, descending=True)
    assert torch.equal(ordered.indices[:, 0], sure)
    assert (ordered.values[:, 0] - ordered.values[:, 1]).min() > 100


def test_torchs_own_way_compiles_in_one_piece(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch, "compile", partial(torch.compile, backend="eager"))
    torch.compiler.reset()
    case = fused_head_sample.case(CPU, 3, (48, 24), 111)
    rival: Any = fused_head_versions._torch(compiled)
    case.gate(case.make())("torch, compiled", rival)
