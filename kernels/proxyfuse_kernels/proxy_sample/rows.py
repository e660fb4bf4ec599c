"""What each sampling row asks for, and what comes out of it."""

from __future__ import annotations

from dataclasses import dataclass, fields

import torch
from torch import Tensor

SHARED = ("history", "bias_ids", "bias_values", "allowed")  # without an entry for each row


@dataclass(frozen=True, slots=True, kw_only=True)
class SampleRows:
    """What each of S rows asks for. All tensors are contiguous, on the logits' device."""

    alpha: Tensor  # [S] float32; 0 is the base, whatever the proxies hold
    temperature: Tensor  # [S] float32; 0 is greedy
    top_k: Tensor  # [S] int32; 0 keeps all. Ties with the k-th value are kept
    top_p: Tensor  # [S] float32; 1 keeps all. The fewest likeliest ids whose mass reaches it
    min_p: Tensor  # [S] float32; 0 keeps all. Keeps p >= min_p * max p
    seed: Tensor  # [S] int64
    stream: Tensor  # [S] int32; which of a request's n continuations
    position: Tensor  # [S] int32; which token of the continuation
    repetition: Tensor  # [S] float32; 1 is none; over the prompt and what was generated
    presence: Tensor  # [S] float32; 0 is none; over what was generated
    frequency: Tensor  # [S] float32; 0 is none; over what was generated
    history: Tensor  # [N] int32; tokens before the rows: a row's prompt, then what was generated
    history_start: Tensor  # [S] int32; row s saw history[start : end], rows may share a stretch
    history_split: Tensor  # [S] int32; generated tokens begin here, start <= split <= end
    history_end: Tensor  # [S] int32
    bias_ids: Tensor  # [B] int32
    bias_values: Tensor  # [B] float32; -inf forbids
    bias_start: Tensor  # [S + 1] int32; row s adds bias [start[s] : start[s + 1]]
    allowed: Tensor | None = (
        None  # [A, ceil(V / 32)] int32 masks; id v is bit v % 32 of word v // 32
    )
    allowed_row: Tensor | None = None  # [S] int32; which mask; one of all ones where all may come
    given: Tensor | None = None  # [S] int32; where is_given: this token instead of a draw
    is_given: Tensor | None = None  # [S] bool

    def cut(self, begin: int, count: int) -> SampleRows:
        """Rows [begin, begin + count) alone."""
        values = {field.name: getattr(self, field.name) for field in fields(self)}
        rows = {
            name: column[begin : begin + count + (name == "bias_start")]
            for name, column in values.items()
            if column is not None and name not in SHARED
        }
        return SampleRows(**(values | rows))

    @classmethod
    def plain(cls, count: int, device: str = "cpu", **columns: Tensor) -> SampleRows:
        """Rows of alpha 1 and temperature 1 that ask for nothing else but the columns given."""

        def floats(value: float) -> Tensor:
            return torch.full((count,), value, dtype=torch.float32, device=device)

        def ints(size: int = count) -> Tensor:
            return torch.zeros(size, dtype=torch.int32, device=device)

        defaults = {name: floats(1) for name in ("alpha", "temperature", "top_p", "repetition")}
        defaults |= {name: floats(0) for name in ("min_p", "presence", "frequency")}
        defaults |= {name: ints() for name in ("top_k", "stream", "position")}
        defaults |= {name: ints() for name in ("history_start", "history_split", "history_end")}
        defaults |= {"history": ints(0), "bias_ids": ints(0), "bias_start": ints(count + 1)}
        defaults |= {"bias_values": floats(0)[:0], "seed": ints().long()}
        return cls(**(defaults | columns))


@dataclass(frozen=True, slots=True, kw_only=True)
class SampleDraws:
    """What came out. Log-probabilities are under softmax(fused): unshaped, at temperature 1.

    As memory to draw into, on a CPU, `logprobs` and `logsumexp` may both be empty: then nobody
    reads them, and they are not computed.
    """

    tokens: Tensor  # [S] int32
    logprobs: Tensor  # [S] float32
    logsumexp: Tensor  # [S] float32; of fused
    finite: Tensor  # [S] bool; False where fused holds NaN or an infinity; its token is 0
    ranks: Tensor | None = None  # [S] int32; 1 + how many ids have a larger fused logit
    role_logprobs: Tensor | None = None  # [S, 3] float32; of each role; NaN if absent or not finite
    top_ids: Tensor | None = None  # [S, n] int32; likeliest first, lower id first among equals
    top_logprobs: Tensor | None = None  # [S, n] float32
    # [S] float32; by which scaled + gumbel of the token drawn leads that of all others: infinity
    # where there is no other, NaN where nothing is drawn
    margins: Tensor | None = None

    @classmethod
    def empty(
        cls,
        count: int,
        top: int,
        ranks: bool,
        roles: bool,
        device: torch.device | str = "cpu",
        *,
        margins: bool = False,
    ) -> SampleDraws:
        """Memory for the fields asked for."""

        def rows(dtype: torch.dtype, *width: int) -> Tensor:
            return torch.empty(count, *width, dtype=dtype, device=device)

        return cls(
            tokens=rows(torch.int32),
            logprobs=rows(torch.float32),
            logsumexp=rows(torch.float32),
            finite=rows(torch.bool),
            ranks=rows(torch.int32) if ranks else None,
            role_logprobs=rows(torch.float32, 3) if roles else None,
            top_ids=rows(torch.int32, top) if top else None,
            top_logprobs=rows(torch.float32, top) if top else None,
            margins=rows(torch.float32) if margins else None,
        )

    def take(self, drawn: SampleDraws) -> None:
        """Overwrite the leading rows by what was drawn for the same fields."""
        for field in fields(self):
            mine, theirs = getattr(self, field.name), getattr(drawn, field.name)
            if mine is not None and mine.numel():
                mine[: len(theirs)] = theirs
