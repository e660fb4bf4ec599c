"""From what callers write to checked requests: the same for everyone who holds an engine."""

from __future__ import annotations

import itertools
import random
from collections.abc import Callable, Sequence
from pathlib import Path

from proxyfuse.engine.load import Loaded
from proxyfuse.engine.outputs import RequestOutput
from proxyfuse.engine.prompts import tokenize
from proxyfuse.engine.request import Prompt, Request
from proxyfuse.errors import ConfigError, RequestError
from proxyfuse.sampling import SamplingParams
from proxyfuse.text.chat import Message
from proxyfuse.trio import Role, Trio

Name = str | Path


def named(base: Name, expert: Name | None, antiexpert: Name | None) -> Trio[Name]:
    """The models that are there: a trio, or a base alone. Raises `ConfigError` for two."""
    if (expert is None) != (antiexpert is None):
        raise ConfigError(f"got expert={expert!r} and antiexpert={antiexpert!r}, want both or none")
    if base is None:
        raise ConfigError("got base=None, want a folder or a hub name")
    names = dict(zip(Role, (base, expert, antiexpert), strict=True))
    return Trio({role: name for role, name in names.items() if name is not None})


class Intake:
    """Numbers requests, and seeds those that name no seed, in the order in which they come."""

    def __init__(self, loaded: Loaded) -> None:
        self._loaded = loaded
        self._numbers = itertools.count()
        self._seeds = random.Random(loaded.config.seed)

    def request(
        self,
        prompt: Prompt,
        params: SamplingParams,
        sink: Callable[[RequestOutput], None],
        *,
        seed: int | None = None,
        request_id: str | None = None,
        given: tuple[int, ...] = (),
        streaming: bool = False,
    ) -> Request:
        """A request that the engine can run; raises `RequestError` for one that it cannot.

        `seed` goes before that of the parameters, which many requests may share.
        """
        loaded = self._loaded
        seed = params.seed if seed is None else seed
        seed = self._seeds.getrandbits(63) if seed is None else seed
        request = Request(
            request_id=str(next(self._numbers)) if request_id is None else request_id,
            text=prompt.text_or_ids if isinstance(prompt.text_or_ids, str) else None,
            prompts=tokenize(loaded.tokenizers, loaded.limits.widths.roles, prompt),
            params=params,
            seed=seed,
            sink=sink,
            given=given,
            streaming=streaming,
        )
        loaded.check(request)
        return request

    def chat_prompt(self, messages: Sequence[Message]) -> Prompt:
        """The prompt of each role for a conversation, as ids; raises `RequestError`."""
        if self._loaded.chat is None:
            raise RequestError("chat: no tokenizer was loaded, want one to render messages with")
        rendered = self._loaded.chat.render(messages)
        return Prompt(*(rendered[role].ids for role in rendered))
