"""`proxy_sample` by the Triton kernel: checks, scratch that lasts, and the launch."""

from __future__ import annotations

from collections.abc import Sequence

import torch
import triton
from torch import Tensor

from proxyfuse_kernels.proxy_sample.arguments import (
    FLOATS,
    INTS,
    PART,
    Columns,
    Draws,
    Logits,
    Scratch,
)
from proxyfuse_kernels.proxy_sample.check import check
from proxyfuse_kernels.proxy_sample.compiled import TYPES
from proxyfuse_kernels.proxy_sample.kernel import sample_part, settle_row
from proxyfuse_kernels.proxy_sample.rows import SampleDraws, SampleRows

WARPS = 8
REGISTERS = 168  # of a thread that settles a row; left to itself the assembler spills at 128
DTYPES = (torch.float32, torch.bfloat16, torch.float16)
REPORTED = ("ranks", "role_logprobs", "top_ids", "top_logprobs")
CHOSEN = ("allowed", "allowed_row", "given", "is_given")


def parts_of(vocab: int) -> int:
    """How many programs share a row."""
    return -(-vocab // PART)


class TritonSampler:
    """`proxy_sample` over scratch for at most `rows` rows of `vocab` ids, on one stream at a time.

    A call launches one kernel, or two. It does not wait and, with `out`, not allocate: it can be
    captured.
    """

    def __init__(self, vocab: int, rows: int, device: torch.device | str) -> None:
        """`rows`: the most of a call; scratch takes about 8 bytes an id and row."""
        self.vocab, self.rows = vocab, rows
        parts = parts_of(vocab)
        padded = triton.next_power_of_2(parts)
        self._parts, self._padded = parts, padded

        def room(*size: int, dtype: torch.dtype = torch.float32) -> Tensor:
            return torch.empty(rows, *size, dtype=dtype, device=device)

        self.scratch = Scratch(
            floats=room(FLOATS.value, padded),
            ints=room(INTS.value, padded, dtype=torch.int32),
            arrived=room(dtype=torch.int32).zero_(),
            scaled=room(parts * PART),
            fused=room(parts * PART),
        )
        # What stands where a row asks for something, and for something else not. The kernels are
        # compiled for every set of fields: so there are few sets.
        self._unread = SampleDraws.empty(rows, 1, True, True, device)
        self._no_choice = {
            "allowed": torch.full((1, -(-vocab // 32)), -1, dtype=torch.int32, device=device),
            "allowed_row": room(dtype=torch.int32).zero_(),
            "given": room(dtype=torch.int32).zero_(),
            "is_given": room(dtype=torch.bool).zero_(),
        }

    def __call__(
        self,
        logits: Sequence[Tensor],
        rows: SampleRows,
        *,
        top: int = 0,
        ranks: bool = False,
        roles: bool = False,
        filters: bool = True,
        out: SampleDraws | None = None,
    ) -> SampleDraws:
        """As `proxy_sample`; with `out`, into its leading rows and for the fields that it has.

        filters: False saves a launch, for a caller who knows that no row asks for top-k, top-p or
        min-p; what asks is then drawn without them.

        Raises `ValueError` for more rows than there is scratch for, and where types do not fit.
        """
        check(logits, self.vocab)
        count = logits[0].shape[0]
        if count > self.rows:
            raise ValueError(f"logits: got {count} rows, want at most {self.rows}")
        if out is None:
            device = logits[0].device
            out = SampleDraws.empty(count, min(top, self.vocab), ranks, roles, device)
        if out.margins is not None:
            raise ValueError("margins: got memory for them, but this kernel tells none")
        if count > 0:
            self._launch(logits, rows, out, filters)
        return out

    def into(self, logits: Sequence[Tensor], rows: SampleRows, draws: SampleDraws) -> None:
        """As `Sampler.into`: draw into the leading rows of `draws`, the fields that it has."""
        self(logits, rows, out=draws)

    def _launch(
        self, logits: Sequence[Tensor], rows: SampleRows, out: SampleDraws, filters: bool
    ) -> None:
        reports = self._reports(out)
        whole = reports.ranks is not None
        arguments = (
            described(logits),
            self.scratch if whole else self.scratch._replace(fused=None),
            *self._columns(rows),
            *reports,
            logits[-1].shape[0] if len(logits) == 3 else 0,
        )
        sizes = {"PART": PART, "PARTS": self._padded, "num_warps": WARPS}
        count, top = logits[0].shape[0], 0 if out.top_ids is None else out.top_ids.shape[1]
        sample_part[(self._parts, count)](
            *arguments, self.vocab, FILTERS=filters, **sizes, enable_fp_fusion=False
        )
        if filters or whole:
            sizes |= {"enable_fp_fusion": False, "maxnreg": REGISTERS}
            settle_row[(count,)](*arguments, top, self._parts, self.vocab, **sizes)

    def _reports(self, out: SampleDraws) -> Draws:
        """Where draws go; of what is reported beside them everything, or nothing."""
        found = Draws(*(getattr(out, name) for name in Draws._fields))
        missing = [name for name in REPORTED if getattr(found, name) is None]
        if len(missing) == len(REPORTED):
            return found
        return found._replace(**{name: getattr(self._unread, name) for name in missing})

    def _columns(self, rows: SampleRows) -> Columns:
        """Every column; masks and given tokens both, or neither."""
        found = columns(rows)
        missing = [name for name in CHOSEN if getattr(found, name) is None]
        if len(missing) in (0, len(CHOSEN)):
            return found
        found = found._replace(**{name: self._no_choice[name] for name in missing})
        return found._replace(words=found.allowed.stride(0))


def described(logits: Sequence[Tensor]) -> Logits:
    """Addresses and strides.  Raises `ValueError` for what the kernel cannot read."""
    for x in logits:
        if x.dtype not in DTYPES or (x.stride(1) != 1 and x.shape[1] > 1):
            raise ValueError(f"logits: got {x.dtype} with strides {x.stride()}, want float rows")
    proxies = tuple(logits[1:]) or (None, None)
    strides = [x.stride(0) for x in logits] + [0] * (3 - len(logits))
    return Logits(logits[0], *proxies, *strides)


def columns(rows: SampleRows) -> Columns:
    """Every column; raises `ValueError` for one that is not what the kernel reads."""
    found = {name: getattr(rows, name) for name in TYPES}
    for name, column in found.items():
        if column is not None and not (column.dtype is TYPES[name] and column.is_contiguous()):
            raise ValueError(f"{name}: got {column.dtype}, want contiguous {TYPES[name]}")
    if rows.allowed is None or rows.allowed_row is None:
        found |= {"allowed": None, "allowed_row": None}
    if rows.given is None or rows.is_given is None:
        found |= {"given": None, "is_given": None}
    words = 0 if rows.allowed is None else rows.allowed.stride(0)
    return Columns(**found, words=words)
