"""`AheadOps` by the Triton kernels: a call launches, and never waits."""

from __future__ import annotations

from torch import Tensor

from proxyfuse_kernels.accept.reference import accept
from proxyfuse_kernels.embed.kernel import embed
from proxyfuse_kernels.grouped import groups_of, products
from proxyfuse_kernels.hindsight.kernel import recall, remember
from proxyfuse_kernels.join.reference import join
from proxyfuse_kernels.linear import kernel, library
from proxyfuse_kernels.linear_fp8 import kernel as kernel_fp8
from proxyfuse_kernels.linear_fp8 import library as library_fp8
from proxyfuse_kernels.locate.reference import locate
from proxyfuse_kernels.paged_attention.kernel import paged_attention
from proxyfuse_kernels.place.kernel import place
from proxyfuse_kernels.quantised import Quantised, Weight
from proxyfuse_kernels.retract.reference import retract
from proxyfuse_kernels.rms_norm.kernel import rms_norm
from proxyfuse_kernels.rope_append.kernel import rope_append
from proxyfuse_kernels.select.kernel import select
from proxyfuse_kernels.silu_mul.kernel import silu_mul

SOME = 64  # rows up to which one tile reads weights of 8 bits once: fewer bytes than widening them


class TritonOps:
    """The methods of `AheadOps` on a GPU, fit to be captured in a graph: all memory is torch's.

    one_path: products of any number of rows run the same kernel, so that a row has the same bits
    in any company. Without it those of more than sixteen rows are the library's: faster, and a
    row's bits then depend on how many rows its step has; over weights of 8 bits, of more than 64.
    All other operations have one path anyway.
    What only moves a few words of bookkeeping (accept, retract, locate, join) is torch's.
    """

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

    def __init__(self, *, one_path: bool = False) -> None:
        self.one_path = one_path

    def linear(
        self, x: Tensor, weight: Weight, bias: Tensor | None, out: Tensor, *, add: bool = False
    ) -> None:
        """As `Ops.linear`. The library is asked for one group at a time, as if it were alone."""
        groups = groups_of(weight, 2)
        few = SOME if isinstance(weight, Quantised) else kernel.FEW
        one = self.one_path or len(x) <= groups * few
        if groups > 1 and not one:
            for part in products(x, weight, bias, out):
                self.linear(*part, add=add)
        elif isinstance(weight, Quantised):
            (kernel_fp8 if one else library_fp8).linear_fp8(x, weight, bias, out, add=add)
        else:
            (kernel if one else library).linear(x, weight, bias, out, add=add)
