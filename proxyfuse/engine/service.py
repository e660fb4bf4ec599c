"""The engine for a program that owns the thread it runs on: libproxyfuse steps it from C++."""

from __future__ import annotations

import logging
import warnings
from collections.abc import Mapping, Sequence
from typing import Any

from huggingface_hub.utils.tqdm import disable_progress_bars

from proxyfuse.engine.intake import Intake, Name, named
from proxyfuse.engine.load import load
from proxyfuse.engine.outputs import RequestOutput
from proxyfuse.engine.request import Prompt, TextOrIds
from proxyfuse.sampling import SamplingParams
from proxyfuse.text.chat import Message

log = logging.getLogger(__name__)


def hush() -> None:
    """Write nothing to this process's streams: it belongs to somebody else's program."""
    logging.disable()
    warnings.simplefilter("ignore")
    disable_progress_bars()


class Service:
    """One engine without a thread of its own: all calls come from the thread that steps it.

    Raises as `LLM` does. Each crossing from another language costs, so a step is one call that
    returns everything new.
    """

    def __init__(
        self, base: Name, expert: Name | None, antiexpert: Name | None, options: Mapping[str, Any]
    ) -> None:
        self._loaded = load(named(base, expert, antiexpert), **options)
        self._engine = self._loaded.engine
        self._intake = Intake(self._loaded)
        self._news: list[RequestOutput] = []

    def submit(
        self,
        request_id: str,
        prompt: Sequence[TextOrIds | None],  # of base, expert and antiexpert; types are trusted
        messages: Sequence[Message],  # instead of the prompt, unless empty
        params: SamplingParams,  # any number of requests may share them
        seed: int | None,  # None: as the parameters say
        streaming: bool,
    ) -> None:
        """Take in one request; raises `RequestError` where it cannot be run."""
        asked = self._intake.chat_prompt(messages) if messages else Prompt(*prompt)  # type: ignore[arg-type]
        request = self._intake.request(
            asked,
            params,
            self._told,
            seed=seed,
            request_id=request_id,
            streaming=streaming,
        )
        self._engine.add([request])

    def cancel(self, request_id: str) -> None:
        """End a request; nothing happens where it is over. Its last output comes with a step."""
        self._engine.abort(request_id)

    def step(self) -> list[RequestOutput]:
        """One step of everything that is running, and what it wrote.

        A step that fails ends its requests with an error: none of them can be trusted.
        """
        try:
            self._engine.step()
        except Exception as failure:
            log.exception("a step failed; its requests end with an error")
            self._engine.fail_all(failure)
        news, self._news = self._news, []
        return news

    def _told(self, output: RequestOutput) -> None:
        self._news.append(output)
