"""One continuation as it grows: its ids, its text, its log-probabilities, and when it ends."""

from __future__ import annotations

from collections.abc import Iterator
from collections.abc import Sequence as Seq
from dataclasses import dataclass

from proxyfuse.engine.failures import kind_of, named
from proxyfuse.engine.outputs import CompletionOutput, FinishReason, Logprob, TokenLogprobs
from proxyfuse.errors import NonFiniteError
from proxyfuse.runner.draws import Landed
from proxyfuse.sequence import Sequence
from proxyfuse.text.stopping import TextStream
from proxyfuse.text.tokenizer import Tokenizer

LAG = 32  # tokens that may wait to become text, where nobody looks at it yet
NOT_FINITE = "a model produced NaN or an infinity for the next token"


@dataclass(frozen=True, slots=True)
class Ending:
    """Why a continuation ended."""

    reason: FinishReason
    cause: int | str | None = None
    error_kind: str | None = None

    @classmethod
    def failed(cls, failure: BaseException) -> Ending:
        """The end of what this failure struck."""
        return cls("error", named(failure), kind_of(failure))


class Writing:
    """Takes a sequence's draws, one by one, and says when it is over."""

    def __init__(
        self,
        sequence: Sequence,
        stream: TextStream | None,
        tokenizer: Tokenizer | None,
        *,
        streaming: bool,
    ) -> None:
        """`streaming`: its text is wanted token by token, and not just at its end."""
        self.sequence = sequence
        self.prompt_logprobs: list[TokenLogprobs | None] = [None]
        self.scored: list[Logprob] = []
        self.ending: Ending | None = None
        self._stream = stream
        self._unread: list[int] = []  # tokens that are not text yet
        self._lag = 1 if streaming or sequence.params.stop else LAG
        self._tokenizer = tokenizer
        self._whole = CompletionOutput(
            sequence.index, logprobs=None if sequence.params.logprobs is None else []
        )
        self._told = (0, 0)  # characters and tokens that `news` has handed out

    def take(self, row: int, landed: Landed, entries: Seq[int]) -> Iterator[int]:
        """Rows of the sequence from `row` on are these entries of what landed; the tokens drawn.

        Nothing is taken beyond the row that ends it.
        """
        if row >= self.sequence.given and self._eventless(landed, entries):
            yield from self._append_all(landed, entries)
            return
        for at in entries:
            token = self._take(row, landed, at)
            if token is not None:
                yield token
            if self.ending is not None:
                return
            row += 1

    def _eventless(self, landed: Landed, entries: Seq[int]) -> bool:
        """Whether nothing happens in these rows, all drawn: the usual case, looked at once."""
        sequence, whole, tokens = self.sequence, self._whole, landed.tokens
        stop_ids, finite = sequence.stop_ids, landed.finite
        return (
            whole.logprobs is None
            and len(whole.token_ids) + len(entries) < sequence.limit
            and len(self._unread) + len(entries) < self._lag
            and all(finite[at] and tokens[at] not in stop_ids for at in entries)
        )

    def _append_all(self, landed: Landed, entries: Seq[int]) -> list[int]:
        tokens, whole = [landed.tokens[at] for at in entries], self._whole
        whole.token_ids += tokens
        for at in entries:
            whole.cumulative_logprob += landed.logprobs[at]
        if self._stream is not None:
            self._unread += tokens
        return tokens

    def _take(self, row: int, landed: Landed, at: int) -> int | None:
        if not landed.finite[at]:
            self.ending = Ending("error", NOT_FINITE, NonFiniteError.kind)
        elif row < 0:
            likeliest = self.sequence.params.prompt_logprobs
            self.prompt_logprobs.append(self._logprobs(landed, at, likeliest))
        elif row < self.sequence.given:
            self.scored.append(self._chosen(landed, at))
            self.ending = Ending("length") if row + 1 == self.sequence.given else None
        else:
            return self._append(landed, at)
        return None

    def _append(self, landed: Landed, at: int) -> int:
        token = landed.tokens[at]
        whole = self._whole
        whole.token_ids.append(token)
        whole.cumulative_logprob += landed.logprobs[at]
        if whole.logprobs is not None:
            whole.logprobs.append(self._logprobs(landed, at, self.sequence.params.logprobs))
        self.ending = self._read(token) or self._full()
        return token

    def _read(self, token: int) -> Ending | None:
        """Turn the token into text, sooner or later; whether it ends the continuation."""
        sequence, params = self.sequence, self.sequence.params
        ends = token in sequence.stop_ids
        if self._stream is not None and (not ends or params.include_stop_str_in_output):
            self._unread.append(token)
            late = len(self._unread) >= self._lag
            stop = self._catch_up(self._stream) if late else None
            if stop is not None:
                return Ending("stop", stop)
        if not ends:
            return None
        return Ending("stop", token if token in params.stop_token_ids else None)

    def _catch_up(self, stream: TextStream) -> str | None:
        """Turn into text what is not; the stop string that was met, if one was."""
        text, stop, _ = stream.push(self._unread)
        self._unread.clear()
        self._whole.text += text
        return stop

    def _full(self) -> Ending | None:
        written = len(self._whole.token_ids)
        return Ending("length") if written >= self.sequence.limit else None

    def verified(self, drafts: int, kept: int, now: float) -> None:
        """One pass of the base gave `kept` tokens; so many drafts were verified for it."""
        self._whole.token_times += [now] * kept
        self._whole.base_passes += 1
        self._whole.drafted += drafts
        self._whole.accepted += kept - 1

    def _chosen(self, landed: Landed, at: int) -> Logprob:
        token = landed.tokens[at]
        roles: list[float | None] = [None, None, None]
        if landed.role_logprobs is not None:
            roles = [None if value != value else value for value in landed.role_logprobs[at]]
        return Logprob(
            landed.logprobs[at],
            None if landed.ranks is None else landed.ranks[at],
            self._piece(token),
            *roles,
        )

    def _logprobs(self, landed: Landed, at: int, likeliest: int | None) -> TokenLogprobs:
        """The chosen token first, then the likeliest, as many as were asked for."""
        found = {landed.tokens[at]: self._chosen(landed, at)}
        if likeliest and landed.top_ids is not None and landed.top_logprobs is not None:
            ranked = zip(landed.top_ids[at], landed.top_logprobs[at], strict=True)
            for rank, (token, logprob) in enumerate(ranked, 1):
                if rank > likeliest:
                    break
                found.setdefault(token, Logprob(logprob, rank, self._piece(token)))
        return found

    def _piece(self, token: int) -> str | None:
        """A token's own text, and that of a special token too: here nothing is left out."""
        if self._tokenizer is None:
            return None
        return self._tokenizer.decode([token], skip_special=False)

    def end(self, ending: Ending) -> None:
        """Close the continuation and, unless it failed, let out the text that was held back."""
        self.ending, stream = ending, self._stream
        if stream is None or stream.stop is not None:
            return
        self._catch_up(stream)
        if ending.reason != "error":
            self._whole.text += stream.finish()
            if stream.stop is not None and ending.reason in ("stop", "length"):
                self.ending = Ending("stop", stream.stop)

    def whole(self) -> CompletionOutput:
        """Everything written so far."""
        return self._from(0, 0)

    def news(self) -> CompletionOutput:
        """What was written since the last call."""
        fresh = self._from(*self._told)
        self._told = (len(self._whole.text), len(self._whole.token_ids))
        return fresh

    def _from(self, character: int, token: int) -> CompletionOutput:
        whole, ending = self._whole, self.ending
        return CompletionOutput(
            index=whole.index,
            text=whole.text[character:],
            token_ids=whole.token_ids[token:],
            token_times=whole.token_times[token:],
            cumulative_logprob=whole.cumulative_logprob,
            logprobs=None if whole.logprobs is None else whole.logprobs[token:],
            base_passes=whole.base_passes,
            drafted=whole.drafted,
            accepted=whole.accepted,
            finish_reason=None if ending is None else ending.reason,
            stop_reason=None if ending is None else ending.cause,
            error_kind=None if ending is None else ending.error_kind,
        )
