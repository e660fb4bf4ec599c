"""What a stage minimises: the text's next token, or a teacher's opinion of it.

Each function returns a loss: windows of tokens in, nats per token out.
"""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor, nn
from torch.nn.functional import cross_entropy, kl_div

Loss = Callable[[Tensor], Tensor]  # [R, T+1] -> []


def on_text(model: nn.Module) -> Loss:
    """Cross-entropy of the next token."""

    def loss(windows: Tensor) -> Tensor:
        return cross_entropy(_logits(model, windows), _following(windows))

    return torch.compile(loss)


def distilled(model: nn.Module, teacher: nn.Module) -> Loss:
    """KL(teacher || model): what the teacher expects of the text, not the text, is the target."""

    def loss(windows: Tensor, targets: Tensor) -> Tensor:
        own, wanted = _logits(model, windows).log_softmax(-1), targets.log_softmax(-1)
        return kl_div(own, wanted, reduction="batchmean", log_target=True)

    targets, student = _frozen(teacher), torch.compile(loss)
    return lambda windows: student(windows, targets(windows))


def steered(model: nn.Module, base: nn.Module, expert: nn.Module) -> Loss:
    """KL(base || model) + KL(expert || base + expert - model): where the expert steers counts more.

    The second term is what makes the fused model leave the expert's opinion, and is convex in the
    model's logits.
    """

    def loss(windows: Tensor, general: Tensor, tuned: Tensor) -> Tensor:
        own = _logits(model, windows).log_softmax(-1)
        fused = (general + tuned - own).log_softmax(-1)
        imitated = kl_div(own, general.log_softmax(-1), reduction="batchmean", log_target=True)
        return imitated + kl_div(
            fused, tuned.log_softmax(-1), reduction="batchmean", log_target=True
        )

    general, tuned, student = _frozen(base), _frozen(expert), torch.compile(loss)
    return lambda windows: student(windows, general(windows), tuned(windows))


def _logits(model: nn.Module, windows: Tensor) -> Tensor:  # [R * T, V]
    with torch.autocast("cpu", torch.bfloat16):
        logits: Tensor = model(input_ids=windows[:, :-1], use_cache=False).logits
    return logits.float().flatten(0, 1)


def _following(windows: Tensor) -> Tensor:  # [R * T]
    return windows[:, 1:].flatten()


def _frozen(model: nn.Module) -> Callable[[Tensor], Tensor]:
    model.requires_grad_(False)
    forward = torch.compile(lambda windows: _logits(model, windows))
    return torch.no_grad()(forward)
