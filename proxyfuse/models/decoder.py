"""The decoder of the Llama family, written in `Ops`: it says what to compute, they compute it."""

from __future__ import annotations

from copy import copy
from dataclasses import dataclass, fields

import torch
from torch import Tensor

from proxyfuse.models.config import ModelConfig
from proxyfuse.models.rope import rotation_table
from proxyfuse.models.weights import LayerWeights, Weights
from proxyfuse_kernels.ops import Ops


@dataclass(frozen=True, slots=True, kw_only=True)
class Rows:
    """The tokens of one forward: T rows packed lane after lane, and which S of them are sampled."""

    ids: Tensor  # [T] int32
    positions: Tensor  # [T] int32, in the lane
    slots: Tensor  # [T] int32; where the row's key and value go: page * slots per page + offset
    lanes: Tensor  # [T] int32; row of the page table
    page_table: Tensor  # [L, W] int32
    samples: Tensor  # [S] int32; rows whose logits are wanted

    def cut(self, rows: int, samples: int) -> Rows:
        """The leading rows and samples."""
        return Rows(
            ids=self.ids[:rows],
            positions=self.positions[:rows],
            slots=self.slots[:rows],
            lanes=self.lanes[:rows],
            page_table=self.page_table,
            samples=self.samples[:samples],
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Work:
    """The buffers of a forward. The same memory at every step, so that a step can be replayed."""

    residual: Tensor  # [T, D] float32
    hidden: Tensor  # [T, D]
    qkv: Tensor  # [T, (H + 2G) * C]
    attended: Tensor  # [T, H * C]
    gate_up: Tensor  # [T, 2F]
    inner: Tensor  # [T, F]
    sampled: Tensor  # [S, D] float32
    head_input: Tensor  # [S, D]
    logits: Tensor  # [S, V] float32

    def cut(self, rows: int, samples: int, at: int = 0) -> Work:
        """Leading rows of every buffer, T or S of them; of the logits, S rows from `at` on."""
        by_row = ("residual", "hidden", "qkv", "attended", "gate_up", "inner")
        cuts = {f.name: rows if f.name in by_row else samples for f in fields(self)}
        parts = {name: getattr(self, name)[:count] for name, count in cuts.items()}
        return Work(**(parts | {"logits": self.logits[at : at + samples]}))


def allocate_work(
    config: ModelConfig,
    max_rows: int,
    max_samples: int,
    dtype: torch.dtype,
    device: torch.device | str = "cpu",
) -> Work:
    """Buffers for forwards of up to `max_rows` rows, `max_samples` of them sampled."""

    def empty(rows: int, width: int, kind: torch.dtype = dtype) -> Tensor:
        return torch.empty(rows, width, dtype=kind, device=device)

    return Work(
        residual=empty(max_rows, config.hidden_size, torch.float32),
        hidden=empty(max_rows, config.hidden_size),
        qkv=empty(max_rows, config.qkv_size),
        attended=empty(max_rows, config.output_size),
        gate_up=empty(max_rows, 2 * config.intermediate_size),
        inner=empty(max_rows, config.intermediate_size),
        sampled=empty(max_samples, config.hidden_size, torch.float32),
        head_input=empty(max_samples, config.hidden_size),
        logits=empty(max_samples, config.vocab_size, torch.float32),
    )


class Decoder:
    """One model: rows of tokens in, logits of the sampled rows out; keys and values in pages."""

    def __init__(self, config: ModelConfig, weights: Weights, positions: int | None = None) -> None:
        """`positions`: the longest lane there will be, in tokens; by default what the model has."""
        self.config = config
        self.weights = weights
        table = rotation_table(config.rope, config.head_dim, positions or config.max_positions)
        self.rotation = table.to(weights.norm.device)  # [positions, 2, C/2]
        self.scale = config.head_dim**-0.5

    def over(self, weights: Weights) -> Decoder:
        """The same model with other weights; what does not depend on them is shared."""
        other = copy(self)
        other.weights = weights
        return other

    def forward(self, ops: Ops, rows: Rows, kv: Tensor, work: Work) -> Tensor:
        """Logits [S, V] float32 of the sampled rows, in `work`; every row's key and value in `kv`.

        kv [P, layers, 2, slots per page, G, C], strided over pages. The rows' own keys and values
        are written before they are read, so a lane's rows may be any stretch of its tokens as long
        as all before it are in its pages. Of models side by side (`load_pair`) rows, lanes and
        samples are as many equal parts, in order, each of its own lanes.
        """
        work = work.cut(len(rows.ids), len(rows.samples))
        weights, eps = self.weights, self.config.rms_norm_eps
        ops.embed(rows.ids, weights.embedding, work.residual)
        for index, (layer, window) in enumerate(
            zip(weights.layers, self.config.windows, strict=True)
        ):
            self._attention(ops, layer, window, rows, kv[:, index], work)
            self._feed_forward(ops, layer, work)
        ops.select(work.residual, rows.samples, work.sampled)
        ops.rms_norm(work.sampled, weights.norm, eps, work.head_input)
        ops.linear(work.head_input, weights.head, None, work.logits)
        return work.logits

    def _attention(
        self,
        ops: Ops,
        layer: LayerWeights,
        window: int | None,
        rows: Rows,
        cache: Tensor,
        work: Work,
    ) -> None:
        """residual += output(attention(norm(residual)))."""
        eps, heads = self.config.rms_norm_eps, self.config.num_heads
        ops.rms_norm(work.residual, layer.input_norm, eps, work.hidden)
        ops.linear(work.hidden, layer.qkv, layer.qkv_bias, work.qkv)
        ops.rope_append(
            work.qkv,
            rows.positions,
            rows.slots,
            self.rotation,
            cache,
            heads=heads,
            q_norm=layer.q_norm,
            k_norm=layer.k_norm,
            eps=eps,
        )
        ops.paged_attention(
            work.qkv,
            rows.positions,
            rows.lanes,
            rows.page_table,
            cache,
            work.attended,
            heads=heads,
            scale=self.scale,
            window=window,
        )
        ops.linear(work.attended, layer.output, layer.output_bias, work.residual, add=True)

    def _feed_forward(self, ops: Ops, layer: LayerWeights, work: Work) -> None:
        """residual += down(silu(gate) * up) of norm(residual)."""
        ops.rms_norm(work.residual, layer.mlp_norm, self.config.rms_norm_eps, work.hidden)
        ops.linear(work.hidden, layer.gate_up, layer.gate_up_bias, work.gate_up)
        ops.silu_mul(work.gate_up, work.inner)
        ops.linear(work.inner, layer.down, layer.down_bias, work.residual, add=True)
