"""A conversation as each role sees it: through its own chat template, or as plain text.

Proxy-tuning gives a chat-tuned expert its template around the same words that base and antiexpert
read as plain text (Liu et al. 2024); the three share only the continuation.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from jinja2 import TemplateSyntaxError

from proxyfuse.errors import ConfigError, RequestError, TokenizerError
from proxyfuse.text.tokenizer import Tokenizer
from proxyfuse.trio import Role, Trio

Message = Mapping[str, str]

SPEAKERS = {"user": "User", "assistant": "Assistant"}
PLAIN = "plain"  # given instead of a template: this role reads plain text
PROBE = [{"role": "user", "content": "Hello"}]


@dataclass(frozen=True, slots=True)
class Rendered:
    """One role's prompt: its text, and the ids of exactly that text."""

    text: str
    ids: tuple[int, ...]


class ChatFormat:
    """How each role reads a conversation.

    A role's template is what `templates` gives it: Jinja source, the path of a Jinja file, or
    "plain"; otherwise its tokenizer's own; otherwise it reads plain text. A template writes the
    whole prompt, special tokens included: nothing is added to it, so a bos stands there once. Plain
    text is encoded as any other prompt. Templates run in transformers' sandbox.

    Raises `ConfigError` for templates that are not strings by role, and `TokenizerError` for one
    that does not parse or a file that cannot be read.
    """

    def __init__(
        self, tokenizers: Trio[Tokenizer], templates: Mapping[Role, str | None] | None = None
    ) -> None:
        given = _given(templates or {})
        self._tokenizers = tokenizers
        self.templates: Trio[str | None] = Trio(
            {role: _chosen(given.get(role), tokenizer) for role, tokenizer in tokenizers.items()}
        )
        for role, tokenizer in tokenizers.items():
            _probe(role, tokenizer, self.templates[role])

    def render(self, messages: Sequence[Message]) -> Trio[Rendered]:
        """Each role's prompt for the next answer.

        Raises `RequestError` for messages that are empty, malformed or refused by a template.
        """
        _check(messages)
        return Trio({role: self._render(role, messages) for role in self._tokenizers})

    def _render(self, role: Role, messages: Sequence[Message]) -> Rendered:
        tokenizer, template = self._tokenizers[role], self.templates[role]
        if template is None:
            text = plain_text(messages)
            return Rendered(text, tuple(tokenizer.encode(text)))
        try:
            text = _apply(tokenizer, template, messages)
        except Exception as error:  # a template is foreign code, and may fail in any way
            raise RequestError(
                f"messages: the {role.label}'s template refused them: {error}"
            ) from error
        return Rendered(text, tuple(tokenizer.encode(text, special=False)))


def plain_text(messages: Sequence[Message]) -> str:
    """The conversation without a template.

    One user message is its content; a system message before it stands above it, with an empty line
    between. A longer conversation is a transcript that ends where the assistant speaks next.
    """
    lines = [message["content"] for message in messages if message["role"] == "system"]
    turns = [message for message in messages if message["role"] != "system"]
    if [turn["role"] for turn in turns] == ["user"]:
        return "\n\n".join([*lines, turns[0]["content"]])
    spoken = [f"{SPEAKERS[turn['role']]}: {turn['content']}" for turn in turns]
    return "\n\n".join([*lines, "\n".join([*spoken, "Assistant:"])])


def _given(templates: Mapping[Role, str | None]) -> dict[Role, str]:
    """The source of each template that was given."""
    if not isinstance(templates, Mapping):
        raise ConfigError(f"chat_templates: got {templates!r:.80}, want a dict by role")
    for role, text in templates.items():
        if not isinstance(role, Role) or not isinstance(text, str | None):
            wanted = "a Role and a string or None"
            raise ConfigError(f"chat_templates: got {role!r}: {text!r:.80}, want {wanted}")
    return {role: _source(text) for role, text in templates.items() if text}


def _source(given: str) -> str:
    """The template itself; a path is read, and is known by having no Jinja in it."""
    if given == PLAIN or "{" in given:
        return given
    try:
        return Path(given).read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise TokenizerError(
            f'chat template: got {given!r}, want Jinja source, "plain" or a readable file ({error})'
        ) from error


def _chosen(given: str | None, tokenizer: Tokenizer) -> str | None:
    if given is None:
        return tokenizer.chat_template
    return None if given == PLAIN else given


def _probe(role: Role, tokenizer: Tokenizer, template: str | None) -> None:
    """Find a broken template now; one that merely refuses this conversation is not broken."""
    if template is None:
        return
    try:
        _apply(tokenizer, template, PROBE)
    except TemplateSyntaxError as error:
        where = f"chat template of the {role.label}, line {error.lineno}"
        raise TokenizerError(f"{where}: {error.message}") from error
    except Exception:  # foreign code that may want other messages than these
        return


def _apply(tokenizer: Tokenizer, template: str, messages: Sequence[Message]) -> str:
    rendered = tokenizer.hf.apply_chat_template(
        [dict(message) for message in messages],
        chat_template=template,
        tokenize=False,
        add_generation_prompt=True,
    )
    return str(rendered)


def _check(messages: Sequence[Message]) -> None:
    if not isinstance(messages, Sequence) or isinstance(messages, str):
        raise RequestError(f"messages: got {messages!r:.80}, want a list of messages")
    if not messages:
        raise RequestError("messages: got none, want at least one")
    for at, message in enumerate(messages):
        if not isinstance(message, Mapping):
            raise RequestError(f"messages[{at}]: got {message!r}, want a role and a content")
        role, content = message.get("role"), message.get("content")
        if role not in ("system", *SPEAKERS):
            raise RequestError(
                f"messages[{at}].role: got {role!r}, want system, {' or '.join(SPEAKERS)}"
            )
        if not isinstance(content, str):
            raise RequestError(f"messages[{at}].content: got {content!r}, want a string")
