"""Triton's interpreter, made to round and to add up as a chip does."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

STEP = 16  # inputs that a tensor core adds up at once


def like_a_chip(patch: pytest.MonkeyPatch) -> None:
    """bfloat16 is rounded to the nearest, and products are summed in one order for every element.

    As it comes, the interpreter cuts what it stores as bfloat16, multiplies the bits of bfloat16 as
    whole numbers, and leaves products to a library whose sums move with shape and place.
    """
    interpreter = pytest.importorskip("triton.runtime.interpreter")
    builder, cast = interpreter.InterpreterBuilder, interpreter.InterpreterBuilder.cast_impl

    def create_dot(self: Any, a: Any, b: Any, total: Any, precision: Any, most: Any) -> Any:
        left, right = (_widened(x).astype(np.float64) for x in (a, b))
        found = total.data.copy()
        for k in range(0, left.shape[-1], STEP):
            products = left[..., :, k : k + STEP, None] * right[..., None, k : k + STEP, :]
            found += _in_order(products).astype(np.float32)
        return interpreter.TensorHandle(found, total.dtype.scalar)

    def cast_impl(self: Any, source: Any, kind: Any) -> Any:
        if source.dtype.scalar.name == "fp32" and kind.scalar.name == "bf16":
            return interpreter.TensorHandle(_rounded(source.data), kind.scalar)
        return cast(self, source, kind)

    patch.setattr(builder, "create_dot", create_dot)
    patch.setattr(builder, "cast_impl", cast_impl)


def _in_order(products: Any) -> Any:
    """The sum over the last axis but one, each element's in the same order."""
    total = products[..., 0, :].copy()
    for k in range(1, products.shape[-2]):
        total += products[..., k, :]
    return total


def _widened(x: Any) -> Any:
    bits = x.dtype.scalar.name == "bf16"
    return (x.data.astype(np.uint32) << 16).view(np.float32) if bits else x.data


def _rounded(values: Any) -> Any:
    """float32 as the bits of the nearest bfloat16, the even one of two."""
    bits = np.ascontiguousarray(values, np.float32).view(np.uint32)
    cut = ((bits + 0x7FFF + ((bits >> 16) & 1)) >> 16).astype(np.uint16)
    return np.where(np.isnan(values), np.uint16(0x7FC0), cut)
