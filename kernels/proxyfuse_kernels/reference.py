"""The plain version of every operation of a decoder, executed at once."""

from __future__ import annotations

from torch import Tensor

from proxyfuse_kernels.accept.reference import accept
from proxyfuse_kernels.embed.reference import embed
from proxyfuse_kernels.grouped import groups_of, products
from proxyfuse_kernels.hindsight.reference import recall, remember
from proxyfuse_kernels.join.reference import join
from proxyfuse_kernels.linear.reference import linear
from proxyfuse_kernels.linear_fp8.reference import linear_fp8
from proxyfuse_kernels.locate.reference import locate
from proxyfuse_kernels.paged_attention.reference import paged_attention
from proxyfuse_kernels.place.reference import place
from proxyfuse_kernels.quantised import Quantised, Weight
from proxyfuse_kernels.retract.reference import retract
from proxyfuse_kernels.rms_norm.reference import rms_norm
from proxyfuse_kernels.rope_append.reference import rope_append
from proxyfuse_kernels.select.reference import select
from proxyfuse_kernels.silu_mul.reference import silu_mul


class ReferenceOps:
    """`AheadOps` in plain torch on any device: slow, and what every other version is held to."""

    embed = staticmethod(embed)
    rms_norm = staticmethod(rms_norm)
    select = staticmethod(select)
    place = staticmethod(place)
    recall = staticmethod(recall)
    remember = staticmethod(remember)
    rope_append = staticmethod(rope_append)
    paged_attention = staticmethod(paged_attention)
    silu_mul = staticmethod(silu_mul)
    accept = staticmethod(accept)
    retract = staticmethod(retract)
    locate = staticmethod(locate)
    join = staticmethod(join)

    @staticmethod
    def linear(
        x: Tensor, weight: Weight, bias: Tensor | None, out: Tensor, *, add: bool = False
    ) -> None:
        """As `Ops.linear`."""
        if groups_of(weight, 2) > 1:
            for part in products(x, weight, bias, out):
                ReferenceOps.linear(*part, add=add)
        elif isinstance(weight, Quantised):
            linear_fp8(x, weight, bias, out, add=add)
        else:
            linear(x, weight, bias, out, add=add)
