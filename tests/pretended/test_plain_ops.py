"""An operation that is computed by its plain version is launched as ever, and computed once."""

from __future__ import annotations

import torch
from torch import Tensor

from tests.pretended.capturing import captured
from tests.pretended.kernels import doubled
from tests.pretended.plain_ops import instead


def launch(x: Tensor, out: Tensor) -> None:
    doubled[(1,)](x, out, x.numel(), WIDTH=32)


def plain(x: Tensor, out: Tensor) -> None:
    out += 10 * x


def test_the_kernel_computes_nothing() -> None:
    x, out = torch.ones(4, device="cuda"), torch.zeros(4, device="cuda")
    instead(launch, plain)(x, out)
    assert out.tolist() == [10] * 4


def test_one_that_calls_another_is_computed_once() -> None:
    x, out = torch.ones(4, device="cuda"), torch.zeros(4, device="cuda")
    instead(instead(launch, plain), plain)(x, out)
    assert out.tolist() == [10] * 4


def test_in_a_graph() -> None:
    x, out = torch.ones(4, device="cuda"), torch.zeros(4, device="cuda")
    with captured() as graph:
        instead(launch, plain)(x, out)
    assert out.tolist() == [0] * 4
    graph.replay()
    graph.replay()
    assert out.tolist() == [20] * 4
