"""Muon: momentum whose direction is made orthogonal, for the matrices inside the layers."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable

import torch
from torch import Tensor

# A quintic that pushes every singular value towards one; five rounds land within [0.7, 1.2].
_QUINTIC = (3.4445, -4.7750, 2.0315)


def orthogonal(update: Tensor, rounds: int = 5) -> Tensor:
    """The nearest semi-orthogonal matrices, roughly, in bf16."""  # [N, rows, columns]
    a, b, c = _QUINTIC
    tall = update.shape[-2] > update.shape[-1]
    x = (update.mT if tall else update).bfloat16()
    x = x / (x.norm(dim=(-2, -1), keepdim=True) + 1e-7)
    for _ in range(rounds):
        gram = x @ x.mT
        x = a * x + (b * gram + c * (gram @ gram)) @ x
    return (x.mT if tall else x).to(update.dtype)


class Muon(torch.optim.Optimizer):
    """SGD with Nesterov momentum on orthogonalised updates; equal shapes are done as one batch."""

    def __init__(self, params: Iterable[Tensor], lr: float, momentum: float = 0.95) -> None:
        super().__init__(params, {"lr": lr, "momentum": momentum})

    @torch.no_grad()
    def step(self, closure: None = None) -> None:  # type: ignore[override]
        for group in self.param_groups:
            alike = defaultdict(list)
            for p in group["params"]:
                alike[p.shape].append(p)
            for shape, params in alike.items():
                directions = torch.stack([self._momentum(p, group["momentum"]) for p in params])
                scale = max(1.0, shape[0] / shape[1]) ** 0.5
                for p, direction in zip(params, orthogonal(directions), strict=True):
                    p.add_(direction, alpha=-group["lr"] * scale)

    def _momentum(self, p: Tensor, momentum: float) -> Tensor:
        state = self.state[p]
        if not state:
            state["average"] = torch.zeros_like(p)
        average = state["average"].lerp_(p.grad, 1 - momentum)
        return p.grad.lerp(average, momentum)
