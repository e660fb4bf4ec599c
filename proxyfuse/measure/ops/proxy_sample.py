"""`proxy_sample`: fuse three rows of logits and draw a token."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from importlib import import_module
from importlib.util import find_spec
from typing import Any

import torch
from torch import Tensor

from proxyfuse.measure.ops.case import (
    RIVALS,
    Buffers,
    Case,
    Implementation,
    Judge,
    Place,
    WrongResultError,
    compiled,
    noise,
)
from proxyfuse.trio import Role
from proxyfuse_kernels.gpu import available, gpu_sampler
from proxyfuse_kernels.proxy_sample import SampleDraws, Sampler, SampleRows
from proxyfuse_kernels.proxy_sample.reference import proxy_sample

ROLES = [role.label for role in Role]
SURE = 1000.0  # added to one token's logit: every right sampler draws it then
Ask = Callable[[list[int]], SampleRows]


def case(place: Place, rows: int, vocab: int, top_p: float = 1.0) -> Case:
    """Logits [rows, vocab] float32 of three models, alpha and temperature 1."""
    device = place.device

    def make() -> Buffers:
        like: dict[str, Any] = {"dtype": torch.float32, "device": device, "scale": 3.0}
        return {name: noise(rows, vocab, **like) for name in ROLES}

    def ask(picked: list[int]) -> SampleRows:
        seeds = torch.tensor(picked, dtype=torch.int64, device=device)
        share = torch.full((len(picked),), top_p, device=device)
        return SampleRows.plain(len(picked), str(device), seed=seeds, top_p=share)

    return Case(
        op="proxy_sample",
        sizes={"rows": rows, "vocab": vocab, "top_p": str(top_p)},
        bytes=3 * rows * vocab * 4,
        make=make,
        implementations=_versions(place, vocab, partial(ask, list(range(rows))), top_p),
        gate=lambda buffers: _judge(buffers, vocab, ask),
    )


def _versions(
    place: Place, vocab: int, rows: Callable[[], SampleRows], top_p: float
) -> dict[str, Implementation]:
    found: dict[str, Implementation] = {}
    if place.team is not None:
        found |= {
            f"compiled {isa}": _drawn(Sampler(vocab, place.team, isa), rows) for isa in place.isas
        }
    if place.device.type == "cuda" and available():
        found["triton"] = _triton(place.device, vocab, rows, filters=top_p < 1)
    found["reference"] = _drawn(proxy_sample, rows, vocab=vocab)
    pick = _multinomial(top_p)
    found["torch"] = _fused(pick)
    if place.device.type == "cuda":
        found["torch, compiled"] = _fused(pick, compiled)
        if find_spec("flashinfer"):
            found["flashinfer"] = _fused(_flashinfer(top_p))
    return found


def _drawn(
    sample: Callable[..., Any], rows: Callable[[], SampleRows], **options: Any
) -> Implementation:
    """A version of ours, by its tokens."""

    def prepare(buffers: Buffers) -> Callable[[], Tensor]:
        logits = [buffers[name] for name in ROLES]
        asked = rows()
        return lambda: sample(logits, asked, **options).tokens

    return prepare


def _triton(
    device: torch.device, vocab: int, rows: Callable[[], SampleRows], *, filters: bool
) -> Implementation:
    """The GPU's version as the engine calls it: what it writes to is there before it is called."""

    def prepare(buffers: Buffers) -> Callable[[], Tensor]:
        logits = [buffers[name] for name in ROLES]
        asked, count = rows(), len(logits[0])
        sampler = gpu_sampler(vocab, count, device)
        draws = SampleDraws.empty(count, 0, False, False, device)
        return lambda: sampler(logits, asked, filters=filters, out=draws).tokens

    return prepare


def _fused(
    pick: Callable[[Tensor], Tensor], wrap: Callable[[Any], Any] = lambda draw: draw
) -> Implementation:
    """Fuse, softmax, and draw from the probabilities."""

    def draw(base: Tensor, expert: Tensor, antiexpert: Tensor) -> Tensor:
        return pick((base + (expert - antiexpert)).softmax(dim=-1))

    wrapped = wrap(draw)
    return lambda buffers: lambda: wrapped(*(buffers[name] for name in ROLES))


def _multinomial(top_p: float) -> Callable[[Tensor], Tensor]:
    def pick(probs: Tensor) -> Tensor:
        if top_p < 1:
            ordered, ids = probs.sort(dim=-1, descending=True)
            outside = ordered.cumsum(dim=-1) - ordered >= top_p
            probs = torch.zeros_like(probs).scatter_(1, ids, ordered.masked_fill(outside, 0))
        return torch.multinomial(probs, 1).squeeze(1)

    return pick


def _flashinfer(top_p: float) -> Callable[[Tensor], Tensor]:
    library = import_module("flashinfer.sampling")

    def pick(probs: Tensor) -> Tensor:
        if top_p < 1:
            found: Tensor = library.top_p_sampling_from_probs(probs, top_p)
        else:
            found = library.sampling_from_probs(probs)
        return found

    return pick


def _judge(buffers: Buffers, vocab: int, ask: Ask) -> Judge:
    """Ours must draw the reference's tokens; a rival the one token that is sure."""
    rows = len(buffers["base"])
    picked = sorted({0, rows // 2, rows - 1})
    few = [buffers[name][picked] for name in ROLES]
    want = proxy_sample(few, ask(picked), vocab=vocab).tokens.long()
    sure = torch.arange(rows, device=want.device) * 7919 % vocab
    peaked = buffers["base"].scatter_add(1, sure[:, None], want.new_full((rows, 1), SURE).float())

    def judge(name: str, implementation: Implementation) -> None:
        if name in RIVALS:  # with a noise of their own
            got, right = implementation(buffers | {"base": peaked})(), sure
        else:
            got, right = implementation(buffers)(), want
        tokens = got[picked] if got is not None and name not in RIVALS else got
        if tokens is None or not torch.equal(tokens.long(), right):
            raise WrongResultError(f"{name}: drew {tokens}, want {right}")

    return judge
