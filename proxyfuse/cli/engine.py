"""`EngineConfig` as options, and the engine they open."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Annotated, Any

from typer import BadParameter, Option

from proxyfuse import LLM
from proxyfuse.cli.models import Models
from proxyfuse.config import EngineConfig

PANEL = "Engine"
DEFAULT = EngineConfig()


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
            rich_help_panel=PANEL,
        ),
    ] = DEFAULT.device
    dtype: Annotated[
        str,
        Option(
            metavar="NAME",
            help='Of weights and KV: "float32", "bfloat16", "float16", or "auto": what the base\'s'
            " config.json says. Logits are float32 whatever this is.",
            rich_help_panel=PANEL,
        ),
    ] = DEFAULT.dtype
    base_quantization: Annotated[
        str | None,
        Option(
            metavar="NAME",
            help='"fp8": the base\'s products in 8 bits, with a scale for each output, made while'
            " loading. Half the memory and traffic; the text is that of the rounded base. A"
            " checkpoint in fp8 is loaded as it is, with this or without.",
            show_default="none",
            rich_help_panel=PANEL,
        ),
    ] = None
    load_format: Annotated[
        str,
        Option(
            metavar="NAME",
            help='"auto": the weights in the folders. "dummy": random ones, drawn where they are'
            " wanted, for which a folder needs its config.json alone (and a tokenizer where there"
            " is text): good for figures of speed; what is written means nothing.",
            rich_help_panel=PANEL,
        ),
    ] = "auto"
    max_model_len: Annotated[
        int | None,
        Option(
            metavar="TOKENS",
            help="Longest prompt and continuation together.",
            show_default="the shortest context of the models",
            rich_help_panel=PANEL,
        ),
    ] = None
    max_num_seqs: Annotated[
        int,
        Option(metavar="N", help="Sequences running at once.", rich_help_panel=PANEL),
    ] = DEFAULT.max_num_seqs
    max_num_batched_tokens: Annotated[
        int,
        Option(
            metavar="TOKENS",
            help="Rows of one model's forward in one step.",
            rich_help_panel=PANEL,
        ),
    ] = DEFAULT.max_num_batched_tokens
    kv_cache_bytes: Annotated[
        int | None,
        Option(
            metavar="BYTES",
            help="Memory for keys and values of all models.",
            show_default="from --gpu-memory-utilization, or a share of free memory",
            rich_help_panel=PANEL,
        ),
    ] = None
    gpu_memory_utilization: Annotated[
        float,
        Option(
            metavar="SHARE",
            help="Share of the GPU's memory to use, weights included, from 0 to 1.",
            rich_help_panel=PANEL,
        ),
    ] = DEFAULT.gpu_memory_utilization
    enable_prefix_caching: Annotated[
        bool,
        Option(
            "--prefix-caching/--no-prefix-caching",
            help="Keep keys and values of common beginnings.",
            rich_help_panel=PANEL,
        ),
    ] = DEFAULT.enable_prefix_caching
    speculate: Annotated[
        str,
        Option(
            metavar="TOKENS",
            parser=_drafts,
            help="Tokens drafted ahead, or auto; 0 is off. The text is the same.",
            rich_help_panel=PANEL,
        ),
    ] = str(DEFAULT.speculate)
    proxy_device: Annotated[
        str | None,
        Option(
            metavar="cuda:N",
            help="Another GPU, for expert and antiexpert.",
            show_default="where the base is",
            rich_help_panel=PANEL,
        ),
    ] = None
    proxies: Annotated[
        str,
        Option(
            metavar="HOW",
            help='On a GPU, expert and antiexpert beside each other ("streams"), as one model where'
            ' both have few rows ("grouped": they must be of one architecture), or whichever is'
            ' faster while loading ("auto"). The text is the same.',
            rich_help_panel=PANEL,
        ),
    ] = DEFAULT.proxies
    enforce_eager: Annotated[
        bool,
        Option(
            "--eager/--graphs",
            help="On a GPU, give it every operation one by one instead of whole steps.",
            rich_help_panel=PANEL,
        ),
    ] = DEFAULT.enforce_eager
    batch_invariant: Annotated[
        bool,
        Option(
            "--batch-invariant/--fastest-products",
            help="On a GPU, keep a row's bits whatever else its step has: a seed's text then"
            " depends on no neighbour. Products of many rows take longer. A CPU does so anyway.",
            rich_help_panel=PANEL,
        ),
    ] = DEFAULT.batch_invariant
    num_threads: Annotated[
        int | None,
        Option(
            metavar="N",
            help="CPU threads.",
            show_default="every core this process may use",
            rich_help_panel=PANEL,
        ),
    ] = None


def open_llm(models: Models, engine: Engine, **more: Any) -> LLM:
    """The engine, loaded; `more` goes before what the options say. Raises as `LLM` does."""
    return LLM(
        models.base,
        models.expert,
        models.antiexpert,
        revision=models.revision,
        **(asdict(engine) | more),
    )
