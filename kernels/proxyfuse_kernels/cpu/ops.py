"""`Ops` by the compiled kernels: a call is checked and recorded; its tape runs it."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

from proxyfuse_kernels.cpu.checks import DTYPES, expect
from proxyfuse_kernels.cpu.tape import Tape
from proxyfuse_kernels.hindsight import NEWS, SLOTS, STRETCH, TRUST, Hindsight
from proxyfuse_kernels.quantised import Quantised, Weight

FLOAT, INT, FP8 = (torch.float32,), (torch.int32,), (torch.float8_e4m3fn,)
MOST_HEAD_SIZE = 512  # kMostHeadSize in csrc/cpu/ops.h


class CpuOps:
    """The methods of `Ops`, recorded onto a tape; ValueError for what no kernel takes."""

    def __init__(self, tape: Tape) -> None:
        self.tape = tape

    def embed(self, ids: Tensor, table: Tensor, out: Tensor) -> None:
        rows, width = len(ids), table.shape[1]
        self.tape.keep(ids, table, out)
        self.tape.native.embed(
            ids=expect("ids", ids, (rows,), INT, dense=True),
            table=expect("table", table, (None, width), DTYPES, dense=True),
            out=expect("out", out, (rows, width), FLOAT),
            rows=rows,
            width=width,
            out_stride=out.stride(0),
            type=DTYPES[table.dtype],
        )

    def rms_norm(self, x: Tensor, weight: Tensor, eps: float, out: Tensor) -> None:
        rows, width = x.shape
        self.tape.keep(x, weight, out)
        self.tape.native.rms_norm(
            x=expect("x", x, (rows, width), FLOAT),
            weight=expect("weight", weight, (width,), DTYPES, dense=True),
            out=expect("out", out, (rows, width), DTYPES),
            rows=rows,
            width=width,
            x_stride=x.stride(0),
            out_stride=out.stride(0),
            eps=eps,
            type=DTYPES[weight.dtype],
            out_type=DTYPES[out.dtype],
        )

    def linear(
        self, x: Tensor, weight: Weight, bias: Tensor | None, out: Tensor, *, add: bool = False
    ) -> None:
        (rows, inputs), outputs, same = x.shape, len(weight), (x.dtype,)
        if isinstance(weight, Quantised):
            values, kept = weight.values, FP8
            scales = expect("scales", weight.scales, (outputs,), FLOAT, dense=True)
        else:
            values, kept, scales = weight, same, 0
        self.tape.keep(x, weight, bias, out)
        self.tape.native.linear(
            x=expect("x", x, (rows, inputs), DTYPES),
            weight=expect("weight", values, (outputs, inputs), kept, dense=True),
            scales=scales,
            bias=0 if bias is None else expect("bias", bias, (outputs,), same, dense=True),
            out=expect("out", out, (rows, outputs), FLOAT if add else FLOAT + same),
            rows=rows,
            inputs=inputs,
            outputs=outputs,
            x_stride=x.stride(0),
            out_stride=out.stride(0),
            type=DTYPES[x.dtype],
            out_type=DTYPES[out.dtype],
            add=add,
        )

    def select(self, x: Tensor, rows: Tensor, out: Tensor) -> None:
        count, width = len(rows), x.shape[1]
        self.tape.keep(x, rows, out)
        self.tape.native.select(
            x=expect("x", x, (None, width), FLOAT),
            rows=expect("rows", rows, (count,), INT, dense=True),
            out=expect("out", out, (count, width), FLOAT),
            count=count,
            width=width,
            x_stride=x.stride(0),
            out_stride=out.stride(0),
        )

    def place(self, tokens: Tensor, index: Tensor, out: Tensor) -> None:
        targets, count = index.shape
        self.tape.keep(tokens, index, out)
        self.tape.native.place(
            tokens=expect("tokens", tokens, (count,), INT, dense=True),
            index=expect("index", index, (targets, count), INT, dense=True),
            out=expect("out", out, (None,), INT, dense=True),
            count=count,
            targets=targets,
        )

    def recall(
        self,
        logits: Tensor,
        ids: Tensor,
        rows: Tensor,
        text: Tensor,
        hindsight: Hindsight,
        out: Tensor,
    ) -> None:
        count, width = len(rows), hindsight.values.shape[1]
        self.tape.keep(logits, out)
        self.tape.native.recall(
            logits=expect("logits", logits[:, :width], (count, width), FLOAT),
            out=expect("out", out, (count, width), FLOAT),
            hindsight=self._hindsight(hindsight, ids, rows, text),
            count=count,
            logits_stride=logits.stride(0),
            out_stride=out.stride(0),
            trust=TRUST,
        )

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
        count, width = len(rows), hindsight.values.shape[1]
        four = [x[:, :width] for x in (*logits, drawn)]
        self.tape.keep(*four, alpha)
        self.tape.native.remember(
            logits=tuple(expect("logits", x, (count, width), FLOAT) for x in four),
            strides=tuple(x.stride(0) for x in four),
            alpha=expect("alpha", alpha, (count,), FLOAT, dense=True),
            hindsight=self._hindsight(hindsight, ids, rows, text),
            count=count,
            news=NEWS,
        )

    def _hindsight(
        self, hindsight: Hindsight, ids: Tensor, rows: Tensor, text: Tensor
    ) -> tuple[int, ...]:
        values, tags, width = hindsight.values, hindsight.tags, hindsight.values.shape[1]
        self.tape.keep(values, tags, ids, rows, text)
        return (
            expect("values", values, (SLOTS, width), FLOAT, dense=True),
            expect("tags", tags, (-(-width // STRETCH), SLOTS, 2), INT, dense=True),
            expect("ids", ids, (None,), INT, dense=True),
            expect("rows", rows, (None,), INT, dense=True),
            expect("text", text, (1,), INT, dense=True),
            SLOTS,
            width,
            STRETCH,
        )

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
        rows, (_, _, per_page, key_heads, size), same = len(qkv), cache.shape, (qkv.dtype,)
        norms = [
            0 if norm is None else expect(name, norm, (size,), same, dense=True)
            for name, norm in (("q_norm", q_norm), ("k_norm", k_norm))
        ]
        self.tape.keep(qkv, positions, slots, rotation, cache, q_norm, k_norm)
        self.tape.native.rope_append(
            qkv=expect("qkv", qkv, (rows, (heads + 2 * key_heads) * size), DTYPES),
            positions=expect("positions", positions, (rows,), INT, dense=True),
            slots=expect("slots", slots, (rows,), INT, dense=True),
            rotation=expect("rotation", rotation, (None, 2, size // 2), FLOAT, dense=True),
            q_norm=norms[0],
            k_norm=norms[1],
            cache=expect("cache", cache, (None, 2, per_page, key_heads, size), same),
            cache_strides=cache.stride()[:4],
            slots_per_page=per_page,
            rows=rows,
            heads=heads,
            key_heads=key_heads,
            head_size=size,
            qkv_stride=qkv.stride(0),
            eps=eps,
            type=DTYPES[qkv.dtype],
        )

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
        rows, (_, _, per_page, key_heads, size), same = len(qkv), cache.shape, (qkv.dtype,)
        if size > MOST_HEAD_SIZE or heads % key_heads:
            got = f"{heads} heads of {size} for {key_heads} key heads"
            raise ValueError(f"got {got}, want a multiple, of at most {MOST_HEAD_SIZE}")
        self.tape.keep(qkv, positions, lanes, page_table, cache, out)
        self.tape.native.paged_attention(
            qkv=expect("qkv", qkv, (rows, (heads + 2 * key_heads) * size), DTYPES),
            positions=expect("positions", positions, (rows,), INT, dense=True),
            lanes=expect("lanes", lanes, (rows,), INT, dense=True),
            page_table=expect("page_table", page_table, (None, None), INT),
            out=expect("out", out, (rows, heads * size), same),
            cache=expect("cache", cache, (None, 2, per_page, key_heads, size), same),
            cache_strides=cache.stride()[:4],
            slots_per_page=per_page,
            rows=rows,
            heads=heads,
            key_heads=key_heads,
            head_size=size,
            qkv_stride=qkv.stride(0),
            out_stride=out.stride(0),
            table_stride=page_table.stride(0),
            window=2**62 if window is None else window,
            scale=scale,
            softcap=softcap or 0.0,
            type=DTYPES[qkv.dtype],
        )

    def silu_mul(self, gate_up: Tensor, out: Tensor) -> None:
        rows, width = out.shape
        self.tape.keep(gate_up, out)
        self.tape.native.silu_mul(
            gate_up=expect("gate_up", gate_up, (rows, 2 * width), DTYPES),
            out=expect("out", out, (rows, width), (gate_up.dtype,)),
            rows=rows,
            width=width,
            in_stride=gate_up.stride(0),
            out_stride=out.stride(0),
            type=DTYPES[out.dtype],
        )
