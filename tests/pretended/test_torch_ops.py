"""Torch's operations on the pretended GPU have the numbers that they have on a CPU."""

from __future__ import annotations

from collections.abc import Callable

import pytest
import torch
from torch import Tensor
from torch.nn.functional import scaled_dot_product_attention

CASES: dict[str, Callable[[Tensor], object]] = {
    "elements": lambda x: (x * 2 + 1).exp(),
    "in place": lambda x: x.add_(1).mul_(x),
    "views": lambda x: x.T[1:].reshape(-1),
    "sums": lambda x: (x.sum(), x.max(dim=1), x.argmax()),
    "products": lambda x: x @ x.T,
    "products of 16 bits": lambda x: (x.bfloat16() @ x.T.bfloat16()).float(),
    "types": lambda x: x.half().to(torch.int64),
    "where it is": lambda x: x.nonzero(),
    "masks": lambda x: x[x > 2],
    "writing by a mask": lambda x: x.masked_fill_(x > 2, 7),
    "writing where": lambda x: x.index_put_((x > 2,), torch.tensor(5.0, device=x.device)),
    "indices": lambda x: x[torch.tensor([1, 0], device=x.device)],
    "sorting": lambda x: x.flatten().sort(descending=True),
    "into": lambda x: torch.add(x, x, out=torch.empty_like(x)),
    "one value": lambda x: x.sum().item(),
    "truth": lambda x: torch.equal(x, x.clone()),
    "attention": lambda x: scaled_dot_product_attention(*[x.view(1, 1, 2, 3)] * 3),
    "nothing": lambda x: x[:0] + 1,
    "made there": lambda x: torch.arange(5, device=x.device),
}


@pytest.mark.parametrize("name", CASES)
def test_numbers_are_those_of_the_cpu(name: str) -> None:
    wanted, got = (CASES[name](torch.arange(6.0, device=at).view(2, 3)) for at in ("cpu", "cuda"))
    torch.testing.assert_close(got, wanted, check_device=False)


def test_wide_products_of_narrow_numbers() -> None:
    a = torch.linspace(-1, 1, 24, device="cuda").view(4, 6).bfloat16()
    wanted, wide = (a.float() @ a.T.float()).cpu(), {"out_dtype": torch.float32}
    out = torch.ones(4, 4, device="cuda")
    torch.addmm(out, a, a.T, out=out, **wide)
    torch.testing.assert_close(out.cpu(), wanted + 1)
    torch.mm(a, a.T, out=out, **wide)
    torch.testing.assert_close(out.cpu(), wanted)
    torch.testing.assert_close(torch.mm(a, a.T, **wide).cpu(), wanted)


def test_noise_repeats_by_its_seed() -> None:
    def drawn(seed: int) -> list[float]:
        generator = torch.Generator("cuda").manual_seed(seed)
        found: list[float] = torch.empty(9, device="cuda").normal_(generator=generator).tolist()
        return found

    assert drawn(3) == drawn(3) != drawn(4)
