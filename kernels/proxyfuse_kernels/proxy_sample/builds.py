"""The sampler's hot configurations, to be compiled ahead of time."""

from __future__ import annotations

from typing import Any

from proxyfuse_kernels.build import Build
from proxyfuse_kernels.proxy_sample.arguments import PART, Columns, Draws, Logits, Scratch
from proxyfuse_kernels.proxy_sample.kernel import sample_part, settle_row
from proxyfuse_kernels.proxy_sample.launch import REGISTERS, WARPS

FLOAT, INT, NONE = "*fp32:16", "*i32:16", "constexpr"
FLOATS = ("alpha", "temperature", "top_p", "min_p", "repetition", "presence", "frequency")
PADDED = 64  # parts of 128256 ids, rounded up


def arguments(kind: str, *, alone: bool, whole: bool, chosen: bool) -> dict[str, Any]:
    """The types of what both kernels take.

    alone: the base without proxies; whole: with ranks, likeliest ids and roles; chosen: with masks
    of allowed ids and given tokens.
    """
    proxy, stride = (NONE, "i32") if alone else (kind, "i32:16")
    columns: dict[str, Any] = dict.fromkeys(Columns._fields, "*i32")
    columns |= dict.fromkeys((*FLOATS, "bias_values"), "*fp32")
    columns |= {"seed": "*i64", "is_given": "*i1", "words": "i32"}
    if not chosen:
        columns |= dict.fromkeys(("allowed", "allowed_row", "given", "is_given"), NONE)
    more, ids = ("*fp32", "*i32") if whole else (NONE, NONE)
    draws = Draws("*i32", "*fp32", "*fp32", "*i1", ids, more, ids, more)
    return {
        "logits": Logits(kind, proxy, proxy, "i32:16", stride, stride),
        "scratch": Scratch(FLOAT, INT, INT, FLOAT, FLOAT if whole else NONE),
        **columns,
        **draws._asdict(),
        "fused_rows": "i32",
    }


def build(name: str, kernel: Any, arguments: dict[str, Any], **constants: bool) -> Build:
    """Of either kernel."""
    numbers, most = {"vocab": "i32:16"}, None
    if kernel is settle_row:
        numbers, most = numbers | {"top": "i32", "parts": "i32"}, REGISTERS
    sizes = {"PART": PART, "PARTS": PADDED} | constants
    kinds = arguments | numbers
    return Build(name, kernel, kinds, sizes, WARPS, fp_fusion=False, registers=most)


def builds() -> list[Build]:
    """Plain and filtered decoding, the base alone, each set of fields; logits are float32."""
    plain = arguments(FLOAT, alone=False, whole=False, chosen=False)
    alone = arguments(FLOAT, alone=True, whole=False, chosen=False)
    reported = arguments(FLOAT, alone=False, whole=True, chosen=False)
    chosen = arguments(FLOAT, alone=False, whole=False, chosen=True)
    everything = arguments(FLOAT, alone=False, whole=True, chosen=True)
    return [
        build("three roles", sample_part, plain, FILTERS=False),
        build("three roles, filters", sample_part, plain, FILTERS=True),
        build("three roles, filters", settle_row, plain),
        build("base alone, filters", sample_part, alone, FILTERS=True),
        build("ranks, top-n", sample_part, reported, FILTERS=True),
        build("ranks, top-n", settle_row, reported),
        build("masks, given", sample_part, chosen, FILTERS=True),
        build("masks, given", settle_row, chosen),
        build("ranks, top-n, masks, given", sample_part, everything, FILTERS=True),
        build("ranks, top-n, masks, given", settle_row, everything),
    ]
