"""`LLM`: the engine as one Python object."""

from __future__ import annotations

import queue
import weakref
from collections.abc import Iterator, Mapping, Sequence
from types import TracebackType
from typing import Any

from tqdm.auto import tqdm

from proxyfuse.engine.intake import Intake, Name, named
from proxyfuse.engine.load import Loaded, load
from proxyfuse.engine.loop import EngineLoop
from proxyfuse.engine.outputs import Logprob, Metrics, RequestOutput, Score
from proxyfuse.engine.prompts import (
    Prompts,
    as_params,
    as_prompt,
    as_prompts,
    pair_up,
    tokenize_continuation,
)
from proxyfuse.engine.request import Prompt, Request, TextOrIds
from proxyfuse.errors import EngineError, NonFiniteError, RequestError
from proxyfuse.sampling import SamplingParams
from proxyfuse.text.chat import Message

Params = SamplingParams | Sequence[SamplingParams] | None


class LLM:
    """Three models that write one text: base + alpha * (expert - antiexpert).

    `base`, `expert` and `antiexpert` are folders or hub names; with the base alone it is an
    ordinary engine. Options are the fields of `EngineConfig`, and `revision`,
    `skip_tokenizer_init`, `chat_templates` and `load_format` of `load`; `load_format="dummy"`
    draws random weights of the shapes that each config.json names. Safe to call from any thread.

    Raises `ConfigError`, `ModelError` (and its children) or `MemoryBudgetError`, before any weight
    is read where that is possible.
    """

    def __init__(
        self, base: Name, expert: Name | None = None, antiexpert: Name | None = None, **options: Any
    ) -> None:
        self._loaded: Loaded = load(named(base, expert, antiexpert), **options)
        self._intake = Intake(self._loaded)
        self._loop = EngineLoop(self._loaded.engine)
        # Also at exit: a thread that a dying interpreter stops inside torch aborts the process.
        self._close = weakref.finalize(self, self._loop.close)

    def generate(
        self, prompts: Prompts, sampling_params: Params = None, use_tqdm: bool = True
    ) -> list[RequestOutput]:
        """Write continuations for one prompt or many; outputs come in the order of the prompts.

        Raises `RequestError` before anything runs if any prompt or parameter cannot be run. What
        fails later ends with finish_reason "error" and leaves the others alone.
        """
        asked = as_prompts(prompts)
        params = pair_up(sampling_params, len(asked))
        inbox: queue.SimpleQueue[RequestOutput] = queue.SimpleQueue()
        requests = [
            self._intake.request(prompt, param, inbox.put)
            for prompt, param in zip(asked, params, strict=True)
        ]
        return self._run(requests, inbox, "generate" if use_tqdm else None)

    def stream(
        self, prompt: Prompt | TextOrIds, sampling_params: SamplingParams | None = None
    ) -> Iterator[RequestOutput]:
        """Yield what is new as it is written. Closing the iterator aborts the request."""
        inbox: queue.SimpleQueue[RequestOutput] = queue.SimpleQueue()
        params = as_params(sampling_params)
        request = self._intake.request(as_prompt(prompt), params, inbox.put, streaming=True)
        return self._stream(request, inbox)

    def chat(
        self,
        messages: Sequence[Message] | Sequence[Sequence[Message]],
        sampling_params: Params = None,
        use_tqdm: bool = True,
    ) -> list[RequestOutput]:
        """Answer one conversation or many; each role sees it through its own chat template."""
        if not isinstance(messages, Sequence):
            got = type(messages).__name__
            raise RequestError(f"messages: got {got}, want a list of messages, or many lists")
        single = bool(messages) and isinstance(messages[0], Mapping)
        conversations = [messages] if single else messages
        prompts = [self.chat_prompt(conversation) for conversation in conversations]  # type: ignore[arg-type]
        return self.generate(prompts, sampling_params, use_tqdm)

    def chat_prompt(self, messages: Sequence[Message]) -> Prompt:
        """The prompt of each role for a conversation, as ids."""
        return self._intake.chat_prompt(messages)

    def score(
        self,
        prompts: Prompts,
        continuations: Sequence[TextOrIds],
        alpha: float | None = None,
        use_tqdm: bool = True,
    ) -> list[Score]:
        """Each continuation token's log-probability: fused, and under each role alone.

        A continuation given as text is tokenised together with its prompt, as it would have been
        read. Raises `RequestError`; `NonFiniteError` where a model's logits are not finite;
        `EngineError` where the engine was closed before all was scored.
        """
        asked = as_prompts(prompts)
        if not isinstance(continuations, Sequence) or isinstance(continuations, str | bytes):
            got = type(continuations).__name__
            raise RequestError(f"continuations: got {got}, want a list, one for each prompt")
        if len(asked) != len(continuations):
            got = f"{len(asked)} prompts and {len(continuations)} continuations"
            raise RequestError(f"score: got {got}, want as many of each")
        params = SamplingParams(alpha=alpha, logprobs=0)
        inbox: queue.SimpleQueue[RequestOutput] = queue.SimpleQueue()
        requests = [
            self._intake.request(
                prompt,
                params,
                inbox.put,
                given=tokenize_continuation(self._loaded.tokenizers, prompt, continuation),
            )
            for prompt, continuation in zip(asked, continuations, strict=True)
        ]
        outputs = self._run(requests, inbox, "score" if use_tqdm else None)
        return [_score(request, output) for request, output in zip(requests, outputs, strict=True)]

    @property
    def metrics(self) -> Metrics:
        """Counts over all requests so far."""
        return self._loaded.engine.metrics

    def abort(self, request_id: str) -> None:
        """End a request wherever it stands; nothing happens where it is unknown or has ended."""
        if not isinstance(request_id, str):
            raise RequestError(f"request_id: got {request_id!r:.80}, want a string")
        self._loop.abort(request_id)

    def close(self) -> None:
        """Abort what is running and release the engine's thread and memory."""
        self._close()

    def __enter__(self) -> LLM:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    def _run(
        self, requests: list[Request], inbox: queue.SimpleQueue[RequestOutput], label: str | None
    ) -> list[RequestOutput]:
        done: dict[str, RequestOutput] = {}
        try:
            self._loop.submit(requests)
            with tqdm(total=len(requests), desc=label, disable=None if label else True) as bar:
                while len(done) < len(requests):
                    output = inbox.get()
                    done[output.request_id] = output
                    bar.update()
        finally:
            for request in requests:
                if request.request_id not in done:
                    self._loop.abort(request.request_id)
        return [done[request.request_id] for request in requests]

    def _stream(
        self, request: Request, inbox: queue.SimpleQueue[RequestOutput]
    ) -> Iterator[RequestOutput]:
        finished = False
        try:
            self._loop.submit([request])
            while not finished:
                output = inbox.get()
                finished = output.finished
                yield output
        finally:
            if not finished:
                self._loop.abort(request.request_id)


def _score(request: Request, output: RequestOutput) -> Score:
    ending, found = output.outputs[0], output.scores or []
    if ending.error_kind == NonFiniteError.kind:
        raise NonFiniteError(f"request {output.request_id}: {ending.stop_reason}")
    if len(found) < len(request.given):
        why = ending.stop_reason or "the engine was closed"
        raise EngineError(f"score: got {len(found)} of {len(request.given)} tokens scored: {why}")
    trio = len(request.prompts) > 1
    return Score(
        token_ids=list(request.given),
        fused=[item.logprob for item in found],
        base=[_known(item, "base") for item in found],
        expert=[_known(item, "expert") for item in found] if trio else None,
        antiexpert=[_known(item, "antiexpert") for item in found] if trio else None,
    )


def _known(item: Logprob, role: str) -> float:
    value = getattr(item, role)
    assert value is not None, f"a scored row without the {role}'s log-probability"
    return float(value)
