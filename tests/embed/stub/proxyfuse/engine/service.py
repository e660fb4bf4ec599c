"""Counts: token number i is i, and its text a letter. The prompt says what shall go wrong."""

from __future__ import annotations

import itertools
from collections.abc import Mapping, Sequence
from types import SimpleNamespace
from typing import Any

from proxyfuse.engine.failures import RefusedError


def hush() -> None:
    """Nothing here writes anything."""


def choice(token: int, **known: Any) -> SimpleNamespace:
    """A `Logprob`."""
    unknown = dict.fromkeys(("rank", "decoded_token", "base", "expert", "antiexpert"))
    return SimpleNamespace(**unknown | {"logprob": -float(token)} | known)


class SamplingParams(SimpleNamespace):
    """Whatever it is given, numbered."""

    numbers = itertools.count()

    def __init__(self, **fields: Any) -> None:
        super().__init__(number=next(self.numbers), **fields)


class Counting:
    """A request that is being written."""

    def __init__(
        self,
        request_id: str,
        prompt: object,
        params: SamplingParams,
        seed: int | None,
        streaming: bool,
    ) -> None:
        self.request_id, self.prompt, self.params, self.seed = request_id, prompt, params, seed
        self.streaming = streaming
        self.written = 0
        self.aborted = False

    def news(self) -> SimpleNamespace:
        """One token more for each of the n, or the end."""
        token, self.written = self.written, self.written + 1
        finished = self.aborted or self.written >= self.params.max_tokens
        return SimpleNamespace(
            request_id=self.request_id,
            outputs=[self._one(index, token, finished) for index in range(self.params.n)],
            finished=finished,
            prompt_token_ids=[1, 2, 3],
            prompt_logprobs=[None, {2: choice(2, base=-1.5)}, {3: choice(3), 9: choice(9, rank=1)}],
        )

    def _one(self, index: int, token: int, finished: bool) -> SimpleNamespace:
        text, tokens, reason, cause, kind = "a", [token], None, None, None
        if self.prompt == "surrogate":
            text = "\ud800"
        if self.prompt == "overflow":
            tokens = [2**80]
        if self.prompt == "params":
            tokens = [self.params.number, -1 if self.seed is None else self.seed]
        if finished:
            reason, cause, kind = self._end(index)
        return SimpleNamespace(
            index=index,
            text=text,
            token_ids=[] if self.aborted else tokens,
            cumulative_logprob=-1.0 * self.written,
            logprobs=[{5: choice(5, rank=1, decoded_token="five", expert=-2.0)}],
            base_passes=self.written,
            drafted=0,
            accepted=0,
            finish_reason=reason,
            stop_reason=cause,
            error_kind=kind,
        )

    def _end(self, index: int) -> tuple[str, object, str | None]:
        if self.aborted:
            return "abort", None, None
        if self.prompt == "not finite":
            return "error", "a model produced NaN", "non_finite"
        if self.prompt == "stop":
            return "stop", (7 if index % 2 else "END"), None
        return "length", None, None


class Service:
    """What the real one promises, of requests that count."""

    def __init__(self, base: str, *_: object) -> None:
        if base == "missing":
            raise RefusedError("model", "missing: no such folder")
        self._running: dict[str, Counting] = {}

    def submit(
        self,
        request_id: str,
        prompt: Sequence[Any],
        messages: Sequence[Mapping[str, str]],
        params: SamplingParams,
        seed: int | None,
        streaming: bool,
    ) -> None:
        """Refuses what asks for it."""
        if prompt[0] == "refused":
            raise RefusedError("request", "a prompt: got one to refuse")
        if prompt[0] == "unknown failure":
            raise KeyError(request_id)
        assert [message["role"] for message in messages] in ([], ["user"])
        self._running[request_id] = Counting(request_id, prompt[0], params, seed, streaming)

    def cancel(self, request_id: str) -> None:
        """Its end comes with a step."""
        if request_id in self._running:
            self._running[request_id].aborted = True

    def step(self) -> list[SimpleNamespace]:
        """One token for each; who does not stream hears of the last alone."""
        if any(one.prompt == "deadly" for one in self._running.values()):
            raise ZeroDivisionError("a broken step")
        told = []
        for one in list(self._running.values()):
            news = one.news()
            if news.finished:
                del self._running[one.request_id]
            if news.finished or one.streaming:
                told.append(news)
        return told
