"""`fused_head_sample` by the Triton kernel: checks, scratch that lasts, and the launch."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
import triton
from torch import Tensor

from proxyfuse_kernels.build import Build
from proxyfuse_kernels.fused_head_sample.kernel import (
    FLOATS,
    ROWS,
    STEP,
    TILE,
    HeadScratch,
    Side,
    head_tile,
)
from proxyfuse_kernels.proxy_sample import builds as sampler_builds
from proxyfuse_kernels.proxy_sample.arguments import Columns, Draws
from proxyfuse_kernels.proxy_sample.launch import DTYPES, columns
from proxyfuse_kernels.proxy_sample.rows import SampleDraws, SampleRows

WARPS, STAGES = 8, 4
ABSENT = Side(None, None, None, None)


class FusedHeadSampler:
    """`fused_head_sample` over scratch for at most `rows` rows, on one stream at a time.

    A call launches one kernel. It does not wait and, with `out`, not allocate.
    """

    def __init__(self, vocab: int, rows: int, device: torch.device | str) -> None:
        self.vocab, self.rows = vocab, rows
        self._tiles = -(-vocab // TILE)
        self._padded = triton.next_power_of_2(self._tiles)
        self.scratch = HeadScratch(
            floats=torch.empty(rows, FLOATS.value, self._padded, device=device),
            ids=torch.empty(rows, self._padded, dtype=torch.int32, device=device),
            arrived=torch.zeros(-(-rows // ROWS), dtype=torch.int32, device=device),
        )

    def __call__(
        self,
        hidden: Sequence[Tensor],
        heads: Sequence[Tensor],
        rows: SampleRows,
        out: SampleDraws | None = None,
    ) -> SampleDraws:
        """As `reference.fused_head_sample`; a row that asks for filters is drawn as not finite.

        Raises `ValueError` for more rows than there is scratch for, and where shapes do not fit.
        """
        count = hidden[0].shape[0]
        if count > self.rows:
            raise ValueError(f"hidden: got {count} rows, want at most {self.rows}")
        if len(hidden) not in (1, 3) or len(hidden) != len(heads):
            raise ValueError(f"got {len(hidden)} hidden and {len(heads)} heads, want 1 or 3 each")
        if out is None:
            out = SampleDraws.empty(count, 0, False, False, hidden[0].device)
        sides = [side(h, w, self.vocab) for h, w in zip(hidden, heads, strict=True)]
        if count > 0:
            head_tile[(self._tiles, -(-count // ROWS))](
                *sides,
                *[ABSENT] * (3 - len(sides)),
                columns(rows),
                Draws(out.tokens, out.logprobs, out.logsumexp, out.finite, None, None, None, None),
                self.scratch,
                count,
                len(hidden[-1]) if len(hidden) == 3 else 0,
                self.vocab,
                TILE=TILE,
                TILES=self._padded,
                ROWS=ROWS,
                STEP=STEP,
                num_warps=WARPS,
                num_stages=STAGES,
                enable_fp_fusion=False,
            )
        return out


def side(hidden: Tensor, head: Tensor, vocab: int) -> Side:
    """One role.  Raises `ValueError` for what the kernel cannot multiply."""
    fits = head.shape[0] >= vocab and head.shape[1] == hidden.shape[1]
    if not fits or hidden.dtype is not head.dtype or head.dtype not in DTYPES:
        got = f"{tuple(hidden.shape)} {hidden.dtype} by {tuple(head.shape)} {head.dtype}"
        raise ValueError(f"got {got}, want [rows, D] by [at least {vocab}, D] of one float type")
    if not head.is_contiguous() or (hidden.stride(1) != 1 and hidden.shape[1] > 1):
        got = f"strides {hidden.stride()} and {head.stride()}"
        raise ValueError(f"got {got}, want contiguous rows and a contiguous head")
    return Side(head, hidden, hidden.shape[1], hidden.stride(0))


def looked_at(kind: str) -> str:
    """Of an address in a tuple, whose alignment a launch looks at whether or not it matters."""
    return f"{kind}:16" if kind.startswith("*") else kind


def builds() -> list[Build]:
    """Three bf16 heads, and the base's alone, for 128256 ids."""
    sampler = sampler_builds.arguments("*fp32:16", alone=False, whole=False, chosen=False)
    one = Side("*bf16:16", "*bf16:16", "i32:16", "i32:16")
    none = Side(*["constexpr"] * 4)
    sizes = {"TILE": TILE, "TILES": 1024, "ROWS": ROWS, "STEP": STEP}

    def build(name: str, proxy: Side) -> Build:
        kinds: dict[str, Any] = {"base": one, "expert": proxy, "antiexpert": proxy}
        kinds |= {"rows": Columns(*(looked_at(sampler[name]) for name in Columns._fields))}
        kinds |= {"draws": Draws(*(looked_at(sampler[name]) for name in Draws._fields))}
        kinds |= {"scratch": HeadScratch("*fp32:16", "*i32:16", "*i32:16")}
        kinds |= {"count": "i32", "fused_rows": "i32", "vocab": "i32:16"}
        return Build(name, head_tile, kinds, sizes, WARPS, STAGES, fp_fusion=False)

    return [build("three roles, bf16", one), build("base alone, bf16", none)]
