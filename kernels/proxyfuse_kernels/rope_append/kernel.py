"""`rope_append` on a GPU: a program for each head of each row."""

from __future__ import annotations

import triton
import triton.language as tl
from torch import Tensor

from proxyfuse_kernels.build import Build
from proxyfuse_kernels.grouped import groups_of


@triton.jit(do_not_specialize=["positions", "slots"])  # one of each is read, from any address
def _rope_append(
    qkv,
    positions,
    slots,
    rotation,
    cache,
    q_norm,
    k_norm,
    qkv_stride,
    page_stride,
    value_stride,
    slot_stride,
    eps,
    HEADS: tl.constexpr,
    KEY_HEADS: tl.constexpr,
    HALF: tl.constexpr,  # of a head
    HALF_PADDED: tl.constexpr,
    SLOTS: tl.constexpr,
    NORMED: tl.constexpr,
):
    head, group = tl.program_id(1), tl.program_id(2)
    row = group * tl.num_programs(0) + tl.program_id(0)
    column = tl.arange(0, HALF_PADDED)
    inside = column < HALF
    source = qkv + row.to(tl.int64) * qkv_stride + head * (2 * HALF) + column
    left = tl.load(source, mask=inside, other=0.0)
    right = tl.load(source + HALF, mask=inside, other=0.0)
    slot = tl.load(slots + row)
    place = cache + (slot // SLOTS).to(tl.int64) * page_stride + (slot % SLOTS) * slot_stride
    if head >= HEADS + KEY_HEADS:
        value = place + value_stride + (head - HEADS - KEY_HEADS) * (2 * HALF) + column
        tl.store(value, left, mask=inside)
        tl.store(value + HALF, right, mask=inside)
        return

    is_key = head >= HEADS
    left, right = left.to(tl.float32), right.to(tl.float32)
    if NORMED:
        weight = q_norm + group * (2 * HALF) + column
        if is_key:
            weight = k_norm + group * (2 * HALF) + column
        squares = tl.sum(left * left, axis=0) + tl.sum(right * right, axis=0)
        inverse = 1.0 / tl.sqrt(squares / (2 * HALF) + eps)
        left = left * inverse * tl.load(weight, mask=inside, other=0.0).to(tl.float32)
        right = right * inverse * tl.load(weight + HALF, mask=inside, other=0.0).to(tl.float32)
    turn = rotation + tl.load(positions + row).to(tl.int64) * (2 * HALF) + column
    cosine = tl.load(turn, mask=inside, other=0.0)
    sine = tl.load(turn + HALF, mask=inside, other=0.0)
    target = source
    if is_key:
        target = place + (head - HEADS) * (2 * HALF) + column
    kind = qkv.dtype.element_ty
    tl.store(target, (left * cosine - right * sine).to(kind), mask=inside)
    tl.store(target + HALF, (right * cosine + left * sine).to(kind), mask=inside)


def rope_append(
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
    """As `Ops.rope_append`; norms are given for both q and k or for neither."""
    rows, (_, _, per_page, key_heads, size) = len(qkv), cache.shape
    if (q_norm is None) != (k_norm is None):
        raise ValueError("q_norm and k_norm: got one of them, want both or neither")
    groups = 1 if q_norm is None else groups_of(q_norm, 1)
    if rows:
        _rope_append[rows // groups, heads + 2 * key_heads, groups](
            qkv,
            positions,
            slots,
            rotation,
            cache,
            qkv if q_norm is None else q_norm,
            qkv if k_norm is None else k_norm,
            qkv.stride(0),
            cache.stride(0),
            cache.stride(1),
            cache.stride(2),
            eps,
            HEADS=heads,
            KEY_HEADS=key_heads,
            HALF=size // 2,
            HALF_PADDED=triton.next_power_of_2(size // 2),
            SLOTS=per_page,
            NORMED=q_norm is not None,
            num_warps=1,
        )


def builds() -> list[Build]:
    """Heads of Llama, of Qwen 3 with their norms, and of 80."""
    models = [("32 + 2 x 8 heads of 128", 128, False), ("normed", 128, True), ("of 80", 80, False)]
    kinds = dict.fromkeys(("qkv", "cache", "q_norm", "k_norm"), "*bf16:16")
    kinds |= {"positions": "*i32", "slots": "*i32", "rotation": "*fp32:16", "eps": "fp32"}
    strides = ("qkv_stride", "page_stride", "value_stride", "slot_stride")
    kinds |= dict.fromkeys(strides, "i32:16")
    return [
        Build(
            name,
            _rope_append,
            kinds,
            {
                "HEADS": 32,
                "KEY_HEADS": 8,
                "HALF": size // 2,
                "HALF_PADDED": triton.next_power_of_2(size // 2),
                "SLOTS": 16,
                "NORMED": normed,
            },
            num_warps=1,
            num_stages=1,
        )
        for name, size, normed in models
    ]
