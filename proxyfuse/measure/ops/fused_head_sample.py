"""`fused_head_sample`: three heads' product that draws as it ends, beside heads and sampler apart.

Hidden rows and heads are whole numbers times a power of two, so small that their products add up
without rounding, in whatever order: every right version has the same logits, hence the same tokens.
"""

from __future__ import annotations

import math
from functools import partial

import torch
from torch import Tensor

from proxyfuse.measure.ops.case import (
    BLOCK,
    RIVALS,
    Buffers,
    Case,
    Implementation,
    Judge,
    Place,
    WrongResultError,
    repeated,
    require_close,
    unwritten,
)
from proxyfuse.measure.ops.fused_head_versions import ROLES, three, versions
from proxyfuse_kernels.fused_head_sample.reference import fused_head_sample
from proxyfuse_kernels.proxy_sample import SampleRows

BF16 = torch.bfloat16
LARGEST = 3  # of the whole numbers; 9 * 2**20 < 2**24, so a million inputs add up exactly
SQUARE = 14 / 3  # of these numbers, on average
DEVIATION = 3.0  # of a model's logits, about
SURE = 64.0  # times the signs of a hidden row, as its token's head: every sampler draws that then


def case(place: Place, rows: int, widths: tuple[int, int], vocab: int) -> Case:
    """Hidden rows [rows, D] and heads [vocab, D] bfloat16 of three models, all drawn at alpha 1.

    widths: D of the base, and of both proxies. Logits need not be written, so none count as moved.
    """
    device, inputs = place.device, dict(zip(ROLES, (*widths, widths[1]), strict=True))

    def make() -> Buffers:
        hidden = {f"{role} hidden": whole(rows, D, device=device) for role, D in inputs.items()}
        heads = {
            f"{role} head": whole(vocab, D, device=device).mul_(_scale(D))
            for role, D in inputs.items()
        }
        return hidden | heads | _results(rows, vocab, device)

    return Case(
        op="fused_head_sample",
        sizes={"rows": rows, "inputs": widths[0], "proxy_inputs": widths[1], "vocab": vocab},
        bytes=(vocab + rows) * sum(inputs.values()) * BF16.itemsize,
        make=make,
        implementations=versions(place, vocab, partial(_ask, list(range(rows)), device)),
        gate=partial(_judge, vocab=vocab),
    )


def whole(*shape: int, device: torch.device) -> Tensor:
    """Numbers among -3, -2, -1, 1, 2 and 3, as bfloat16."""
    size = min(torch.Size(shape).numel(), BLOCK)
    numbers = torch.randint(-LARGEST, LARGEST, (size,), device=device)
    return repeated((numbers + (numbers >= 0)).to(BF16), *shape)


def _scale(inputs: int) -> float:
    """The power of two that brings products of so many numbers next to the deviation."""
    return 2.0 ** round(math.log2(DEVIATION / SQUARE * inputs**-0.5))


def _results(rows: int, vocab: int, device: torch.device) -> Buffers:
    """Room for draws, and for logits, which only some write; what is in it is wrong."""
    room = partial(unwritten, dtype=torch.float32, device=device)
    logits = {f"{role} logits": room(rows, vocab) for role in ROLES}
    return logits | {
        "tokens": torch.full((rows,), -1, dtype=torch.int32, device=device),
        "logprobs": room(rows),
        "logsumexp": room(rows),
        "finite": torch.zeros(rows, dtype=torch.bool, device=device),
    }


def _ask(picked: list[int], device: torch.device) -> SampleRows:
    """Rows of the batch, each with a seed of its own."""
    seed = torch.tensor(picked, dtype=torch.int64, device=device)
    return SampleRows.plain(len(picked), str(device), seed=seed)


def _judge(buffers: Buffers, vocab: int) -> Judge:
    """Ours must draw the reference's tokens, at its log-probabilities; a rival what is sure.

    One input left out seldom changes a token. It changes logprob + logsumexp, which is that token's
    fused logit, by `_scale` or more: 2^-7 for 4096 inputs, where `require_close` lets each of the
    two be 2^-13 of its size apart, so that both together would have to be 64.
    """
    rows, device = len(buffers["tokens"]), buffers["tokens"].device
    picked = sorted({0, rows // 2, rows - 1})
    few = [x[picked] for x in three(buffers, "hidden")]
    want = fused_head_sample(few, three(buffers, "head"), _ask(picked, device), vocab=vocab)
    sure = torch.arange(rows, device=device) * 7919 % vocab

    def judge(name: str, implementation: Implementation) -> None:
        if name in RIVALS:  # with a noise of their own
            _require_tokens(name, implementation(_peaked(buffers, sure))(), sure)
            return
        mine = buffers | _results(rows, vocab, device)
        implementation(mine)()
        _require_tokens(name, mine["tokens"][picked], want.tokens)
        for what, right in (("logprobs", want.logprobs), ("logsumexp", want.logsumexp)):
            require_close(f"{name}, {what}", mine[what][picked], right)
        if not mine["finite"].all():
            raise WrongResultError(f"{name}: got rows that are not finite")

    return judge


def _peaked(buffers: Buffers, sure: Tensor) -> Buffers:
    """The same with one sure token a row: its head has the signs of the row, and no other all."""
    head = buffers["base head"].clone()
    head[sure] = buffers["base hidden"].sign() * SURE
    return buffers | {"base head": head}


def _require_tokens(name: str, got: Tensor | None, want: Tensor) -> None:
    if got is None or not torch.equal(got.long(), want.long()):
        raise WrongResultError(f"{name}: drew {got}, want {want}")
