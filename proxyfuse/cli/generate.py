"""`proxyfuse generate`."""

from __future__ import annotations

import json
import sys
from dataclasses import asdict
from typing import Annotated

import typer
from typer import Option

from proxyfuse import LLM, Prompt, RequestOutput, SamplingParams
from proxyfuse.cli.engine import Engine, open_llm
from proxyfuse.cli.inputs import Inputs
from proxyfuse.cli.models import Models
from proxyfuse.cli.sampling import Sampling


def generate(
    models: Models,
    inputs: Inputs,
    sampling: Sampling,
    engine: Engine,
    n: Annotated[int, Option("-n", metavar="N", help="Continuations of each prompt.")] = 1,
    logprobs: Annotated[
        int | None,
        Option(
            metavar="N",
            help="With --json: each token's log-probability in nats, fused and under each model"
            " alone, and those of the N likeliest.",
        ),
    ] = None,
    prompt_logprobs: Annotated[
        int | None,
        Option(metavar="N", help="With --json: the same for the tokens of the prompt."),
    ] = None,
    as_json: Annotated[
        bool,
        Option("--json", help="One JSON object a line for each prompt: text, ids, finish_reason."),
    ] = False,
) -> None:
    """Continue prompts. One prompt is printed as it is written."""
    prompts = inputs.read()
    params = sampling.params(n=n, logprobs=logprobs, prompt_logprobs=prompt_logprobs)
    with open_llm(models, engine) as llm:
        if len(prompts) == n == 1 and not as_json:
            outputs = [_stream(llm, prompts[0], params)]
        else:
            outputs = llm.generate(prompts, params, use_tqdm=sys.stderr.isatty())
            _print(outputs, as_json)
    _complain(outputs)


def _stream(llm: LLM, prompt: Prompt, params: SamplingParams) -> RequestOutput:
    """Print a text as it comes; the last increment says how it ended."""
    for increment in llm.stream(prompt, params):
        typer.echo(increment.outputs[0].text, nl=False)
        last = increment
    typer.echo()
    return last


def _print(outputs: list[RequestOutput], as_json: bool) -> None:
    for number, output in enumerate(outputs, start=1):
        if as_json:
            typer.echo(json.dumps(asdict(output), ensure_ascii=False))
            continue
        for one in output.outputs:
            place = f"{number}.{one.index + 1}" if len(output.outputs) > 1 else f"{number}"
            typer.echo(f"[{place}] {one.text}")


def _complain(outputs: list[RequestOutput]) -> None:
    """Name requests that failed; they are the reason for exit code 1."""
    failed = [
        f"request {output.request_id}: {one.stop_reason}"
        for output in outputs
        for one in output.outputs
        if one.finish_reason == "error"
    ]
    for line in failed:
        typer.echo(f"proxyfuse: {line}", err=True)
    if failed:
        raise typer.Exit(1)
