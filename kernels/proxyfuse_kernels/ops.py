"""The operations a decoder is written in: one protocol for its plain, CPU and Triton versions.

Shapes: T packed tokens, S sampling rows, D model width, N/K a product's outputs/inputs, H query
heads, G key/value heads, C head size, P pages, L lanes, V vocabulary. Every operation writes into
`out`, so that one decoder can run at once or be recorded and replayed. Rows never influence each
other: row t of a result has the same bits whatever T is and wherever t stands.

Beside the host, where `AheadOps` are, every weight may be that of several models: see `grouped`.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

from torch import Tensor

from proxyfuse_kernels.hindsight import Hindsight
from proxyfuse_kernels.quantised import Weight


class Ops(Protocol):
    """What a decoder may call. Accumulation is float32 whatever the storage type."""

    def embed(self, ids: Tensor, table: Tensor, out: Tensor) -> None:
        """out[t] = float32(table[ids[t]]).  ids [T] int32, table [V, D], out [T, D] float32."""

    def rms_norm(self, x: Tensor, weight: Tensor, eps: float, out: Tensor) -> None:
        """out = x / rms(x) * weight.  x [T, D] float32, weight [D], out [T, D] any float type."""

    def linear(
        self, x: Tensor, weight: Weight, bias: Tensor | None, out: Tensor, *, add: bool = False
    ) -> None:
        """out = x @ weight.T + bias, or out += that where `add`.

        x [T, K] and weight [N, K] of one type, or weight `Quantised`; bias [N] or None, out [T, N]:
        the type of x or float32 (float32 only where `add`). x and out may be row-strided; weight
        is contiguous.
        """

    def select(self, x: Tensor, rows: Tensor, out: Tensor) -> None:
        """out[s] = x[rows[s]].  x [T, D] float32, rows [S] int32, out [S, D] float32."""

    def place(self, tokens: Tensor, index: Tensor, out: Tensor) -> None:
        """out[index[t, i]] = tokens[i]: a draft goes where it is read.

        Where an index stands twice, either token may stay.

        tokens [N], index [targets, N] and out [M] int32; every index lies in [0, M).
        """

    def recall(
        self,
        logits: Tensor,
        ids: Tensor,
        rows: Tensor,
        text: Tensor,
        hindsight: Hindsight,
        out: Tensor,
    ) -> None:
        """out[n] = logits[n] + TRUST * what is remembered of the text's token ids[rows[n]].

        logits [N, V or more] float32, ids [T], rows [N] and text [1] int32; out [N, V] float32.
        """

    def remember(
        self,
        logits: Sequence[Tensor],
        alpha: Tensor,
        drawn: Tensor,
        ids: Tensor,
        rows: Tensor,
        text: Tensor,
        hindsight: Hindsight,
    ) -> None:
        """Keep fused[n] - drawn[n] as the text's, by token ids[rows[n]], row after row.

        fused = base + alpha (expert - antiexpert). What was kept of the token is moved towards it
        by NEWS; what its slot kept of another token or text is gone. What is not finite makes
        drafts worse, and harms nothing else.

        logits: base, expert, antiexpert [N, V or more] float32, and drawn one of the last two;
        alpha [N] float32, ids [T], rows [N] and text [1] int32.
        """

    def rope_append(
        self,
        qkv: Tensor,
        positions: Tensor,
        slots: Tensor,
        rotation: Tensor,
        cache: Tensor,
        *,
        heads: int,
        q_norm: Tensor | None = None,
        k_norm: Tensor | None = None,
        eps: float = 0.0,
    ) -> None:
        """Norm (where weights are given) and rotate q in place; norm, rotate and store k; store v.

        qkv [T, (H + 2G) * C]; positions [T] int32; slots [T] int32, each one page * B + offset with
        B slots a page; rotation [max positions, 2, C/2] float32, cosines then sines, of the
        half-split ("rotate half") form; cache [P, 2, B, G, C], one layer's view strided over pages.
        """

    def paged_attention(
        self,
        qkv: Tensor,
        positions: Tensor,
        lanes: Tensor,
        page_table: Tensor,
        cache: Tensor,
        out: Tensor,
        *,
        heads: int,
        scale: float,
        window: int | None = None,
        softcap: float | None = None,
    ) -> None:
        """Causal attention of each row over its lane's keys [0, positions[t]] or the last `window`.

        qkv [T, (H + 2G) * C] (only q is read); lanes [T] int32, row t belongs to lane lanes[t], a
        lane's rows stand together in order; page_table [L, W] int32; cache as in rope_append;
        out [T, H * C]. Query head h reads key head h // (H / G).
        """

    def silu_mul(self, gate_up: Tensor, out: Tensor) -> None:
        """out = silu(gate) * up.  gate_up [T, 2F], gate first; out [T, F]."""


class AheadOps(Ops, Protocol):
    """What a step is asked for besides, where the device computes beside the host."""

    def accept(
        self,
        tokens: Tensor,
        ids: Tensor,
        heads: Tensor,
        entries: Tensor,
        counts: Tensor,
        slack: Tensor,
        last: Tensor,
    ) -> None:
        """How far drafts hold: slack[n] of counts[n] rows do not, last[n] was drawn by the last
        that does.

        Rows entries[n, :counts[n]] of the sampler drew tokens[row], having read ids[heads[row]]:
        a row holds if the one before it holds and drew what it read. tokens, heads [S], ids [T],
        entries [N, C], counts, slack and last [N], all int32; counts[n] >= 1.
        """

    def retract(self, positions: Tensor, source: Tensor, slack: Tensor) -> None:
        """positions -= slack[source].  positions and source [T], slack [N], all int32."""

    def locate(
        self, positions: Tensor, lanes: Tensor, page_table: Tensor, size: int, slots: Tensor
    ) -> None:
        """slots = page_table[lane, position // size] * size + position % size.

        positions, lanes and slots [T] int32, page_table [L, W] int32, pages of `size` slots.
        """

    def join(self, words: Tensor, index: Tensor, shifts: Tensor, out: Tensor) -> None:
        """out = words[index] + shifts: rows that lie apart, put side by side.

        words [M] int32; index [F, groups, T] int64, in [0, M); shifts [F, groups, 1] int32; out
        [F, groups, T] int32.
        """
