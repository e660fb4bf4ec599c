"""Fuse three rows of logits, filter, and draw: the promise.

    fused = base + alpha * (expert - antiexpert)          float32; base itself where alpha is 0
    shaped = fused + bias, then penalties, then -inf where not allowed
    scaled = shaped / temperature                                  (shaped itself where greedy)
    token  = argmax over the ids kept by top-k, then top-p, then min-p of  scaled + gumbel

The Gumbel noise is a pure function of (seed, stream, position, token id): see `noise.py`. Every
version of this operation draws the same noise bits and so the same token. Among equal values the
lower id wins, everywhere: greedy, the draw, and the order in which top-k and top-p count.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from typing import Any

from torch import Tensor

from proxyfuse_kernels.cpu.tape import Tape
from proxyfuse_kernels.proxy_sample import compiled, reference
from proxyfuse_kernels.proxy_sample.check import check
from proxyfuse_kernels.proxy_sample.rows import SampleDraws, SampleRows

try:
    from proxyfuse_kernels._cpu import Sampler as CompiledSampler
    from proxyfuse_kernels._cpu import Team, isas
except ImportError:  # not built: everything runs in torch
    CompiledSampler = None

__all__ = ["SampleDraws", "SampleRows", "Sampler", "proxy_sample"]


class Sampler:
    """`proxy_sample` with buffers that last from call to call: what an engine holds on to.

    `team`: the compiled kernel's threads; None is one. `isa`: one of `_cpu.isas()`; None is the
    fastest. Calls of one Sampler must not overlap.
    """

    def __init__(self, vocab: int, team: Team | None = None, isa: str | None = None) -> None:
        self.vocab = vocab
        self._kernel: Any = None
        if CompiledSampler is not None:
            team = Team(1) if team is None else team
            self._kernel = CompiledSampler(team, vocab, isa or isas()[0])

    def __call__(
        self,
        logits: Sequence[Tensor],
        rows: SampleRows,
        *,
        top: int = 0,
        ranks: bool = False,
        roles: bool = False,
        margins: bool = False,
    ) -> SampleDraws:
        """As `proxy_sample`."""
        check(logits, self.vocab)
        run = reference.proxy_sample
        if self._kernel is not None and logits[0].device.type == "cpu":
            run = partial(compiled.run, self._kernel)
        wanted = {"ranks": ranks, "roles": roles, "margins": margins}
        return run(logits, rows, vocab=self.vocab, top=top, **wanted)

    def into(self, logits: Sequence[Tensor], rows: SampleRows, draws: SampleDraws) -> None:
        """As `proxy_sample`, into the leading rows of `draws`: the fields that it has."""
        top = 0 if draws.top_ids is None else draws.top_ids.shape[1]
        drawn = self(
            logits,
            rows,
            top=top,
            ranks=draws.ranks is not None,
            roles=draws.role_logprobs is not None,
            margins=draws.margins is not None,
        )
        draws.take(drawn)

    def record(
        self,
        tape: Tape,
        logits: Sequence[Tensor],
        rows: SampleRows,
        begin: int,
        draws: SampleDraws,
    ) -> None:
        """Rows from `begin` on, as many as logits[0] has, onto a tape of this sampler's team.

        Draws go to the front of `draws`, which may be longer; `rows` may be too. Needs the compiled
        kernel; raises `ValueError` as `proxy_sample` does.
        """
        check(logits, self.vocab)
        compiled.record(self._kernel, tape, logits, rows, begin, draws)


def proxy_sample(
    logits: Sequence[Tensor],
    rows: SampleRows,
    *,
    vocab: int,
    top: int = 0,
    ranks: bool = False,
    roles: bool = False,
    margins: bool = False,
    team: Team | None = None,
) -> SampleDraws:
    """Draw a token a row. A row's result depends on nothing but the row, bit for bit.

    logits: (base [S, V0],) or (base, expert [M, V1], antiexpert [M, V2]) with M <= S, row-strided,
    float32, bfloat16 or float16. The first M rows are fused, the others are the base's own. Only
    ids below vocab count. `top`, `ranks`, `roles` and `margins` ask for those fields of
    `SampleDraws`; `top` is cut to vocab. Raises `ValueError` where shapes or types do not fit.
    """
    sampler = Sampler(vocab, team)
    return sampler(logits, rows, top=top, ranks=ranks, roles=roles, margins=margins)
