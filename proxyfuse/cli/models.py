"""Which models to run, and how each reads a conversation, as options."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated

from typer import Option

from proxyfuse.errors import ConfigError
from proxyfuse.trio import Role

MODELS, CHAT = "Models", "Chat"


@dataclass(frozen=True)
class Models:
    """Which models to run."""

    base: Annotated[
        str,
        Option(
            metavar="DIR",
            help="The large model that is steered: a folder with config.json, tokenizer.json and"
            " safetensors, or a hub name.",
            rich_help_panel=MODELS,
        ),
    ]
    expert: Annotated[
        str | None,
        Option(
            metavar="DIR",
            help="The small tuned model. Needs --antiexpert; without both the base runs alone.",
            rich_help_panel=MODELS,
        ),
    ] = None
    antiexpert: Annotated[
        str | None,
        Option(
            metavar="DIR",
            help="The same small model before it was tuned.",
            rich_help_panel=MODELS,
        ),
    ] = None
    revision: Annotated[
        str | None,
        Option(
            metavar="REV",
            help="Branch, tag or commit of hub names.",
            show_default="the hub's main branch",
            rich_help_panel=MODELS,
        ),
    ] = None

    def named(self) -> dict[Role, str]:
        """The models that were given, by role; raises `ConfigError` for half a pair."""
        if (self.expert is None) != (self.antiexpert is None):
            raise ConfigError(
                f"got expert={self.expert!r} and antiexpert={self.antiexpert!r}, want both or none"
            )
        given = {Role.BASE: self.base, Role.EXPERT: self.expert, Role.ANTIEXPERT: self.antiexpert}
        return {role: name for role, name in given.items() if name is not None}


@dataclass(frozen=True)
class Templates:
    """How each role reads a conversation."""

    base_template: Annotated[
        str | None,
        Option(
            metavar="JINJA",
            help="The base's chat template: Jinja source, a file of it, or 'plain' for plain text.",
            show_default="the model's own; plain text if it has none",
            rich_help_panel=CHAT,
        ),
    ] = None
    expert_template: Annotated[
        str | None,
        Option(
            metavar="JINJA",
            help="The expert's chat template, likewise.",
            show_default="the model's own",
            rich_help_panel=CHAT,
        ),
    ] = None
    antiexpert_template: Annotated[
        str | None,
        Option(
            metavar="JINJA",
            help="The antiexpert's chat template, likewise.",
            show_default="the model's own",
            rich_help_panel=CHAT,
        ),
    ] = None

    def by_role(self) -> dict[Role, str | None]:
        """The templates, by role."""
        given = (self.base_template, self.expert_template, self.antiexpert_template)
        return dict(zip(Role, given, strict=True))
