"""What a caller asked for, checked before anything is spent on it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from proxyfuse.engine.outputs import RequestOutput
from proxyfuse.errors import RequestError
from proxyfuse.sampling import SamplingParams
from proxyfuse.trio import Role, Trio

TextOrIds = str | Sequence[int]


@dataclass(frozen=True, slots=True)
class Prompt:
    """One prompt, with another text or other ids for a role that should see something else.

    A role that is not named sees `text_or_ids`, like the base. The three share the continuation.
    """

    text_or_ids: TextOrIds
    expert: TextOrIds | None = None
    antiexpert: TextOrIds | None = None

    def of(self, role: Role) -> TextOrIds:
        """What the role sees."""
        own = (self.text_or_ids, self.expert, self.antiexpert)[role]
        return self.text_or_ids if own is None else own


@dataclass(frozen=True, slots=True, kw_only=True)
class Request:
    """A checked prompt on its way into the engine, and where its outputs go."""

    request_id: str
    text: str | None
    prompts: Trio[tuple[int, ...]]
    params: SamplingParams
    seed: int
    sink: Callable[[RequestOutput], None]  # on the engine's thread: quick; raising is only logged
    given: tuple[int, ...] = ()  # a continuation to be scored instead of written
    streaming: bool = False  # every step's news, or one whole output at the end


@dataclass(frozen=True, slots=True)
class Limits:
    """What the loaded trio can take."""

    max_model_len: int
    vocab: int  # ids that all three heads can produce
    widths: Trio[int]  # rows of each role's embedding


def check_request(request: Request, limits: Limits) -> None:
    """Raise `RequestError` for what cannot be run, saying what was got and what was wanted."""
    for role, ids in request.prompts.items():
        _check_prompt(role.label, ids, limits.widths[role], limits.max_model_len, request.given)
    _check_ids("continuation", request.given, limits.vocab)
    params = request.params
    _check_ids("stop_token_ids", params.stop_token_ids, limits.vocab)
    _check_ids("allowed_token_ids", params.allowed_token_ids or (), limits.vocab)
    _check_ids("logit_bias", tuple(params.logit_bias), limits.vocab)
    if params.alpha and len(limits.widths) == 1:
        raise RequestError(
            f"alpha: got {params.alpha}, but the engine was loaded with a base alone"
        )
    if params.prompt_logprobs is not None and len(set(request.prompts.values())) > 1:
        raise RequestError(
            "prompt_logprobs: the roles have different prompts, so no fused distribution is defined"
            " over them; want one prompt for all roles"
        )


def _check_prompt(
    role: str, ids: tuple[int, ...], width: int, longest: int, given: tuple[int, ...]
) -> None:
    if not ids:
        raise RequestError(f"{role} prompt: got no tokens, want at least one")
    _check_ids(f"{role} prompt", ids, width)
    if given and len(ids) + len(given) > longest:
        total = f"{len(ids)} + {len(given)} tokens"
        raise RequestError(f"{role} prompt and continuation: got {total}, want at most {longest}")
    if not given and len(ids) >= longest:
        raise RequestError(
            f"{role} prompt: got {len(ids)} tokens, want fewer than max_model_len={longest}"
        )


def _check_ids(what: str, ids: Sequence[int], width: int) -> None:
    if not ids or (min(ids) >= 0 and max(ids) < width):
        return
    wrong = [token for token in ids if not 0 <= token < width]
    raise RequestError(f"{what}: got token id {wrong[0]}, want ids from 0 to {width - 1}")
