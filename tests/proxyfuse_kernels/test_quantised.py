"""Weights of 8 bits: how far off they are, and what stands at the borders of the format."""

from __future__ import annotations

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor

from proxyfuse_kernels.quantised import LEAST, STEP, Quantised, quantise

DTYPES = [torch.float32, torch.bfloat16, torch.float16]


def bound(weight: Tensor, packed: Quantised) -> Tensor:
    """Half a unit of e4m3 at each weight, and a little for float32's own rounding."""
    coarse = LEAST * packed.scales.double()[:, None]
    return torch.maximum(STEP * weight.double().abs(), coarse) * (1 + 2**-20)


@pytest.mark.parametrize("dtype", DTYPES)
def test_a_weight_is_off_by_half_a_unit_at_most(dtype: torch.dtype) -> None:
    weight = (torch.randn(40, 3000) * torch.logspace(-6, 2, 40)[:, None]).to(dtype)
    weight[3] = 0
    weight[4, 1:] *= 2**-12  # all but one lie where e4m3 is coarse, or nothing
    packed = quantise(weight)
    assert packed.values.dtype == torch.float8_e4m3fn and packed.scales.dtype == torch.float32
    error = (packed.values.double() * packed.scales.double()[:, None] - weight.double()).abs()
    assert (error <= bound(weight, packed)).all()
    assert (error > 0.9 * bound(weight, packed)).any(), "it is met: a tighter one would be wrong"
    assert (packed.float()[3] == 0).all()


@settings(max_examples=100, deadline=None)
@given(
    st.lists(
        st.floats(allow_nan=False, allow_infinity=False, width=32)
        | st.sampled_from([0.0, -0.0, 1e-45, -1e-38]),
        min_size=1,
        max_size=20,
    )
)
def test_any_finite_row_is_kept_within_the_bound(row: list[float]) -> None:
    weight = torch.tensor([row])
    packed = quantise(weight)
    assert packed.scales > 0 and packed.values.float().isfinite().all()
    error = (packed.values.double() * packed.scales.double()[:, None] - weight.double()).abs()
    assert (error <= bound(weight, packed)).all()


@given(st.integers(1, 9), st.integers(1, 40))
def test_what_was_quantised_stays_as_it_is(outputs: int, inputs: int) -> None:
    once = quantise(torch.randn(outputs, inputs) * 2.0 ** torch.randint(-9, 9, (outputs, 1)))
    once = Quantised(once.values, 2.0 ** once.scales.log2().round())  # float32 then holds it
    again = quantise(once.float())
    assert torch.equal(again.float(), once.float())


@pytest.mark.parametrize("bad", [torch.nan, torch.inf, -torch.inf])
def test_what_is_not_finite_is_refused(bad: float) -> None:
    with pytest.raises(ValueError, match="not finite"):
        quantise(torch.tensor([[1.0, 2.0], [1.0, bad]]))


def test_parts_are_views() -> None:
    packed = quantise(torch.randn(7, 5))
    first, second = packed.split([3, 4])
    assert (len(first), second.shape, packed.nbytes) == (3, (4, 5), 7 * 5 + 7 * 4)
    second.values.fill_(0)
    second.scales.fill_(2)
    assert (packed.float()[3:] == 0).all() and (packed.scales[3:] == 2).all()
    assert (packed.float()[:3] != 0).any()
