"""`proxyfuse bench`."""

from __future__ import annotations

import json
import statistics
from collections.abc import Sequence
from dataclasses import asdict
from typing import Annotated

import typer
from rich.console import Console
from rich.table import Table
from typer import Option

from proxyfuse import LLM, SamplingParams
from proxyfuse.cli.engine import Engine, open_llm
from proxyfuse.cli.fit import examine
from proxyfuse.cli.models import Models
from proxyfuse.cli.timing import Timing, Workload, bandwidth, measure
from proxyfuse.errors import EngineError, ModelError

NEAR = (
    0.01  # nats a token may score differently when it is read back: 16-bit rounding, not an error
)


def bench(
    models: Models,
    engine: Engine,
    workload: Workload,
    as_json: Annotated[bool, Option("--json", help="One JSON object instead of a table.")] = False,
) -> None:
    """Time decoding: the models steered, against the base alone, in turn in one run.

    Checks first that texts do not depend on the batch and score the same when read back. The floor
    is the time to read the weights once without drafting ahead; drafting may beat it.
    """
    fit = examine(models.named(), models.revision, engine.dtype)
    if fit.reasons:
        raise ModelError("; ".join(fit.reasons))
    narrowest = min(model.config.vocab_size for model in fit.models.values())
    prompts = workload.prompts(narrowest)
    with open_llm(models, engine) as llm:
        check(llm, prompts)
        timings = measure(llm, fit, prompts, workload, bandwidth(engine.device))
    if as_json:
        typer.echo(json.dumps(_record(workload, timings)))
    else:
        Console().print(_table(workload, timings))


def check(llm: LLM, prompts: Sequence[list[int]]) -> None:
    """Raise `EngineError` if a text depends on its batch or scores otherwise when read back."""
    params = SamplingParams(temperature=0, max_tokens=8, ignore_eos=True, logprobs=0)
    together = llm.generate(prompts, params, use_tqdm=False)[0].outputs[0]
    alone = llm.generate([prompts[0]], params, use_tqdm=False)[0].outputs[0]
    if alone.token_ids != together.token_ids:
        raise EngineError(
            f"alone {alone.token_ids}, in the batch {together.token_ids}; want one text"
        )
    read = llm.score([prompts[0]], [alone.token_ids], use_tqdm=False)[0].fused
    wrote = [
        one[token].logprob for one, token in zip(alone.logprobs or (), alone.token_ids, strict=True)
    ]
    apart = max(abs(a - b) for a, b in zip(read, wrote, strict=True))
    if apart > NEAR:
        raise EngineError(
            f"a token scores {apart:.4f} nats apart when read back, want {NEAR} at most"
        )


def _record(workload: Workload, timings: Sequence[Timing]) -> dict[str, object]:
    return asdict(workload) | {
        one.name.replace(" ", "_"): {
            "ms_per_token": 1e3 * one.median,
            "ms_min_max": [1e3 * min(one.seconds), 1e3 * max(one.seconds)],
            "tokens_per_second": workload.batch / one.median,
            "floor_ms": 1e3 * one.floor,
        }
        for one in timings
    }


def _table(workload: Workload, timings: Sequence[Timing]) -> Table:
    title = f"{workload.batch} sequences of {workload.prompt_tokens} + {workload.tokens} tokens"
    table = Table("", "ms/token", "min", "max", "tokens/s", "floor ms", "of floor", title=title)
    for one in timings:
        milliseconds = [1e3 * value for value in (one.median, min(one.seconds), max(one.seconds))]
        table.add_row(
            one.name,
            *(f"{value:.2f}" for value in milliseconds),
            f"{workload.batch / one.median:,.1f}",
            f"{1e3 * one.floor:.2f}",
            f"{one.floor / one.median:.0%}",
        )
    if len(timings) > 1:
        base, steered = (one.seconds for one in timings)
        ratios = [a / b for a, b in zip(steered, base, strict=True)]
        table.caption = (
            f"steered takes {statistics.median(ratios):.2f} times the base alone"
            f" ({min(ratios):.2f} to {max(ratios):.2f})"
        )
    return table
