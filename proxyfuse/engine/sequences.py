"""From a request to the sequences that the engine writes for it."""

from __future__ import annotations

from proxyfuse.config import EngineConfig
from proxyfuse.engine.request import Limits, Request
from proxyfuse.engine.writing import Writing
from proxyfuse.models.config import ModelConfig
from proxyfuse.sequence import Lane, Sequence
from proxyfuse.text.stopping import TextStream
from proxyfuse.text.tokenizer import Tokenizer
from proxyfuse.trio import Role, Trio


class SequenceMaker:
    """Makes a request's n sequences, each with its lanes, its stop ids and its text."""

    def __init__(
        self,
        config: EngineConfig,
        models: Trio[ModelConfig],
        limits: Limits,
        tokenizers: Trio[Tokenizer] | None,
    ) -> None:
        self._alpha = config.alpha if len(models) > 1 else 0.0
        self._caching = config.enable_prefix_caching
        self._eos = frozenset(token for model in models.values() for token in model.eos_token_ids)
        self._limits = limits
        self._tokenizer = None if tokenizers is None else tokenizers.base

    def writings(self, request: Request) -> list[Writing]:
        """One `Writing` for each of the request's n continuations."""
        return [self._writing(request, index) for index in range(request.params.n)]

    def alpha(self, request: Request) -> float:
        """The request's own alpha, or the engine's."""
        return self._alpha if request.params.alpha is None else request.params.alpha

    def prompts(self, request: Request) -> Trio[tuple[int, ...]]:
        """The prompts of its lanes: the base's alone where alpha is 0 and nothing is scored."""
        needs_all = self.alpha(request) != 0 or bool(request.given)
        return request.prompts if needs_all else request.prompts.only((Role.BASE,))

    def _writing(self, request: Request, index: int) -> Writing:
        sequence = self._sequence(request, index)
        stream = None
        if self._tokenizer is not None and not request.given:
            stream = TextStream(self._tokenizer, request.prompts.base, request.params)
        return Writing(sequence, stream, self._tokenizer, streaming=request.streaming)

    def _sequence(self, request: Request, index: int) -> Sequence:
        params = request.params
        prompts = self.prompts(request)
        room = self._limits.max_model_len - max(prompts.map(len).values())
        prompt_rows = index == 0 and params.prompt_logprobs is not None
        return Sequence(
            request_id=request.request_id,
            index=index,
            params=params,
            alpha=self.alpha(request),
            seed=_signed(request.seed),
            lanes=prompts.map(Lane),
            stop_ids=self.stop_ids(request),
            limit=min(room, params.max_tokens or room),
            continuation=list(request.given),
            row=1 - len(request.prompts.base) if prompt_rows else 0,
            given=len(request.given),
            cacheable=not prompt_rows,
            salt=b"" if self._caching else request.request_id.encode(),
        )

    def stop_ids(self, request: Request) -> frozenset[int]:
        """The ids that end its continuations."""
        own = frozenset(request.params.stop_token_ids)
        eos = frozenset() if request.params.ignore_eos else self._eos
        return frozenset(token for token in own | eos if token < self._limits.vocab)


def _signed(seed: int) -> int:
    """The same 64 bits as a signed integer, as tensors hold them."""
    return (seed + 2**63) % 2**64 - 2**63
