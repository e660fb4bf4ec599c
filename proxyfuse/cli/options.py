"""The options that several commands share, each described once, and what they amount to."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Annotated, Any

from typer import BadParameter, Option

from proxyfuse import LLM
from proxyfuse.config import EngineConfig
from proxyfuse.errors import ConfigError
from proxyfuse.trio import Role

MODELS, ENGINE, CHAT = "Models", "Engine", "Chat"
DEFAULT = EngineConfig()


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


def _drafts(text: str) -> str | int:
    if text == "auto":
        return text
    if not text.isdecimal():
        raise BadParameter(f"got {text!r}, want auto or a whole number")
    return int(text)


@dataclass(frozen=True)
class Engine:
    """How to run them."""

    device: Annotated[
        str,
        Option(
            metavar="NAME",
            help='"cpu", "cuda", "cuda:N", or "auto": the GPU if there is one.',
            rich_help_panel=ENGINE,
        ),
    ] = DEFAULT.device
    dtype: Annotated[
        str,
        Option(
            metavar="NAME",
            help='Of weights and KV: "float32", "bfloat16", "float16", or "auto": what the base\'s'
            " config.json says. Logits are float32 whatever this is.",
            rich_help_panel=ENGINE,
        ),
    ] = DEFAULT.dtype
    max_model_len: Annotated[
        int | None,
        Option(
            metavar="TOKENS",
            help="Longest prompt and continuation together.",
            show_default="the shortest context of the models",
            rich_help_panel=ENGINE,
        ),
    ] = None
    max_num_seqs: Annotated[
        int,
        Option(metavar="N", help="Sequences running at once.", rich_help_panel=ENGINE),
    ] = DEFAULT.max_num_seqs
    max_num_batched_tokens: Annotated[
        int,
        Option(
            metavar="TOKENS",
            help="Rows of one model's forward in one step.",
            rich_help_panel=ENGINE,
        ),
    ] = DEFAULT.max_num_batched_tokens
    kv_cache_bytes: Annotated[
        int | None,
        Option(
            metavar="BYTES",
            help="Memory for keys and values of all models.",
            show_default="from --gpu-memory-utilization, or a share of free memory",
            rich_help_panel=ENGINE,
        ),
    ] = None
    gpu_memory_utilization: Annotated[
        float,
        Option(
            metavar="SHARE",
            help="Share of the GPU's memory to use, weights included, from 0 to 1.",
            rich_help_panel=ENGINE,
        ),
    ] = DEFAULT.gpu_memory_utilization
    enable_prefix_caching: Annotated[
        bool,
        Option(
            "--prefix-caching/--no-prefix-caching",
            help="Keep keys and values of common beginnings.",
            rich_help_panel=ENGINE,
        ),
    ] = DEFAULT.enable_prefix_caching
    speculate: Annotated[
        str,
        Option(
            metavar="TOKENS",
            parser=_drafts,
            help="Tokens the expert drafts ahead; 0 is off, auto adapts. The text is the same.",
            rich_help_panel=ENGINE,
        ),
    ] = str(DEFAULT.speculate)
    num_threads: Annotated[
        int | None,
        Option(
            metavar="N",
            help="CPU threads.",
            show_default="every core this process may use",
            rich_help_panel=ENGINE,
        ),
    ] = None


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


def open_llm(models: Models, engine: Engine, **more: Any) -> LLM:
    """The engine, loaded; raises as `LLM` does."""
    return LLM(
        models.base,
        models.expert,
        models.antiexpert,
        revision=models.revision,
        **asdict(engine),
        **more,
    )
