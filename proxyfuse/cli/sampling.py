"""`SamplingParams` as options."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Annotated, Any

from typer import BadParameter, Option

from proxyfuse.sampling import SamplingParams

PANEL = "Sampling"
DEFAULT = SamplingParams()


def _bias(text: str) -> tuple[int, float]:
    token, _, value = text.partition("=")
    try:
        return int(token), float(value)
    except ValueError:
        raise BadParameter(f"got {text!r}, want ID=VALUE, as in 42=-1.5") from None


@dataclass(frozen=True)
class Sampling:
    """What may be asked of one text."""

    alpha: Annotated[
        float | None,
        Option(
            metavar="X",
            help="Weight of (expert - antiexpert); 0 is the base alone.",
            show_default="1.0",
            rich_help_panel=PANEL,
        ),
    ] = None
    temperature: Annotated[
        float,
        Option(metavar="X", help="0 is greedy: always the likeliest token.", rich_help_panel=PANEL),
    ] = DEFAULT.temperature
    top_p: Annotated[
        float,
        Option(
            metavar="P",
            help="Only the likeliest tokens that together have this probability.",
            rich_help_panel=PANEL,
        ),
    ] = DEFAULT.top_p
    top_k: Annotated[
        int,
        Option(metavar="K", help="Only the K likeliest tokens; 0 is all.", rich_help_panel=PANEL),
    ] = DEFAULT.top_k
    min_p: Annotated[
        float,
        Option(
            metavar="P",
            help="Only tokens with at least this share of the likeliest's probability.",
            rich_help_panel=PANEL,
        ),
    ] = DEFAULT.min_p
    seed: Annotated[
        int | None,
        Option(
            metavar="N",
            help="The same seed, prompt and options write the same text.",
            show_default="drawn from a fixed seed, in order of the prompts",
            rich_help_panel=PANEL,
        ),
    ] = None
    max_tokens: Annotated[
        int,
        Option(
            metavar="TOKENS", help="Longest continuation; 0 is no limit.", rich_help_panel=PANEL
        ),
    ] = 512
    min_tokens: Annotated[
        int,
        Option(
            metavar="TOKENS",
            help="No end of text and no stop string before so many.",
            rich_help_panel=PANEL,
        ),
    ] = DEFAULT.min_tokens
    stop: Annotated[
        list[str] | None,
        Option(metavar="TEXT", help="End before this text. Repeatable.", rich_help_panel=PANEL),
    ] = None
    stop_token_id: Annotated[
        list[int] | None,
        Option(metavar="ID", help="End at this token id. Repeatable.", rich_help_panel=PANEL),
    ] = None
    include_stop: Annotated[
        bool,
        Option("--include-stop", help="Keep the stop text in the output.", rich_help_panel=PANEL),
    ] = False
    ignore_eos: Annotated[
        bool,
        Option("--ignore-eos", help="Write on past the end of text.", rich_help_panel=PANEL),
    ] = False
    show_special: Annotated[
        bool,
        Option("--show-special", help="Print special tokens too.", rich_help_panel=PANEL),
    ] = False
    presence_penalty: Annotated[
        float,
        Option(
            metavar="X",
            help="Subtracted from logits of tokens already written.",
            rich_help_panel=PANEL,
        ),
    ] = DEFAULT.presence_penalty
    frequency_penalty: Annotated[
        float,
        Option(
            metavar="X",
            help="The same for each time one was written.",
            rich_help_panel=PANEL,
        ),
    ] = DEFAULT.frequency_penalty
    repetition_penalty: Annotated[
        float,
        Option(
            metavar="X",
            help="Divides positive and multiplies negative logits of tokens in prompt or text.",
            rich_help_panel=PANEL,
        ),
    ] = DEFAULT.repetition_penalty
    logit_bias: Annotated[
        list[str] | None,
        Option(
            metavar="ID=X",
            help="Added to the fused logit of a token. Repeatable.",
            rich_help_panel=PANEL,
        ),
    ] = None
    allowed_token_id: Annotated[
        list[int] | None,
        Option(
            metavar="ID",
            help="Write nothing but these ids. Repeatable.",
            show_default="all ids",
            rich_help_panel=PANEL,
        ),
    ] = None

    def params(self, **more: Any) -> SamplingParams:
        """The same as the engine takes it, with `more` fields; raises `RequestError` as it does."""
        given = asdict(self)
        return SamplingParams(
            max_tokens=given.pop("max_tokens") or None,
            stop=given.pop("stop") or (),
            stop_token_ids=given.pop("stop_token_id") or (),
            include_stop_str_in_output=given.pop("include_stop"),
            skip_special_tokens=not given.pop("show_special"),
            logit_bias=dict(map(_bias, given.pop("logit_bias") or ())),
            allowed_token_ids=given.pop("allowed_token_id") or None,
            **given,
            **more,
        )
