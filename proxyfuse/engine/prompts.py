"""From what a caller may write for a prompt to token ids for each role."""

from __future__ import annotations

from collections.abc import Sequence

from proxyfuse.engine.request import Prompt, TextOrIds
from proxyfuse.errors import RequestError
from proxyfuse.sampling import SamplingParams
from proxyfuse.text.tokenizer import Tokenizer
from proxyfuse.trio import Role, Trio

Prompts = Prompt | TextOrIds | Sequence[Prompt | TextOrIds]
Tokenizers = Trio[Tokenizer]


def as_prompts(prompts: Prompts) -> list[Prompt]:
    """A list of `Prompt`, whatever was written: one or many; strings, ids or Prompts."""
    if isinstance(prompts, str | Prompt) or _is_ids(prompts):
        return [as_prompt(prompts)]  # type: ignore[arg-type]
    if not _is_list(prompts):
        raise RequestError(f"prompts: got {type(prompts).__name__}, want {_WANTED}, or many")
    return [as_prompt(prompt) for prompt in prompts]  # type: ignore[arg-type]


_WANTED = "a string, a list of token ids or a Prompt"


def as_prompt(prompt: Prompt | TextOrIds) -> Prompt:
    """One `Prompt`; raises `RequestError` unless each role has a string or ids."""
    whole = prompt if isinstance(prompt, Prompt) else Prompt(prompt)
    for role in Role:
        part = whole.of(role)
        if not _is_text_or_ids(part):
            raise RequestError(f"{role.label} prompt: got {part!r:.80}, want {_WANTED}")
    return whole


def _is_list(value: object) -> bool:
    return isinstance(value, Sequence) and not isinstance(value, str | bytes | bytearray)


def _is_ids(prompts: object) -> bool:
    return _is_list(prompts) and bool(prompts) and isinstance(prompts[0], int)  # type: ignore[index]


def _is_text_or_ids(part: object) -> bool:
    return isinstance(part, str) or (
        _is_list(part)
        and all(isinstance(token, int) and not isinstance(token, bool) for token in part)  # type: ignore[attr-defined]
    )


def as_params(params: object) -> SamplingParams:
    """One request's parameters, the default ones where there are none."""
    if params is None:
        return SamplingParams()
    if not isinstance(params, SamplingParams):
        raise RequestError(f"sampling_params: got {params!r:.80}, want SamplingParams")
    return params


def pair_up(
    params: SamplingParams | Sequence[SamplingParams] | None, count: int
) -> list[SamplingParams]:
    """One `SamplingParams` for each of `count` prompts."""
    if not _is_list(params):
        return [as_params(params)] * count
    given = [as_params(item) for item in params]  # type: ignore[union-attr]
    if len(given) != count:
        raise RequestError(f"sampling_params: got {len(given)} for {count} prompts, want one each")
    return given


def tokenize(
    tokenizers: Tokenizers | None, roles: Sequence[Role], prompt: Prompt
) -> Trio[tuple[int, ...]]:
    """Each role's prompt ids, by the role's own tokenizer.

    What one recipe has made of a text is not made again for the next role.
    """
    made: dict[tuple[bytes, str], tuple[int, ...]] = {}
    found: dict[Role, tuple[int, ...]] = {}
    for role in roles:
        part = prompt.of(role)
        if not isinstance(part, str):
            found[role] = tuple(part)
            continue
        if tokenizers is None:
            raise RequestError("got a prompt as text, want token ids: no tokenizer was loaded")
        key = tokenizers[role].recipe, part
        if key not in made:
            made[key] = tuple(tokenizers[role].encode(part))
        found[role] = made[key]
    return Trio(found)


def tokenize_continuation(
    tokenizers: Tokenizers | None, prompt: Prompt, continuation: TextOrIds
) -> tuple[int, ...]:
    """A continuation's ids, read together with the base's prompt where that leaves it as it is."""
    if not _is_text_or_ids(continuation):
        wanted = "a string or a list of token ids"
        raise RequestError(f"continuation: got {continuation!r:.80}, want {wanted}")
    if not isinstance(continuation, str):
        ids = tuple(continuation)
    elif tokenizers is None:
        raise RequestError("got a continuation as text, want token ids: no tokenizer was loaded")
    else:
        ids = _continue(tokenizers.base, prompt.text_or_ids, continuation)
    if not ids:
        raise RequestError("continuation: got no tokens, want at least one")
    return ids


def _continue(tokenizer: Tokenizer, prompt: TextOrIds, continuation: str) -> tuple[int, ...]:
    if isinstance(prompt, str):
        before = tokenizer.encode(prompt)
        whole = tokenizer.encode(prompt + continuation)
        if whole[: len(before)] == before:
            return tuple(whole[len(before) :])
    return tuple(tokenizer.encode(continuation, special=False))
