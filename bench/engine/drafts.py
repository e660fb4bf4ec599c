"""Engines that draft so far ahead, and the base alone: what each of them takes for a token."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import replace
from functools import partial
from typing import Any

from bench.engine.gate import WrongOutputError
from bench.engine.reads import Beside, Reader, by_state
from proxyfuse import LLM, Metrics, RequestOutput, SamplingParams
from proxyfuse.demo import model_folder
from proxyfuse.measure import Spread, asleep, in_turns

Prompts = list[list[int]]
Setting = tuple[Prompts, SamplingParams]

BASE = "base alone"


class Bench:
    """Engines that write the same prompts: one for each number of drafts, and the base alone."""

    def __init__(self, stack: ExitStack, drafts: tuple[int | str, ...], expert: str) -> None:
        base, anti = model_folder("base"), model_folder("antiexpert")
        trio = (base, model_folder(expert), anti)
        options: dict[str, Any] = {
            "device": "cpu",
            "dtype": "bfloat16",
            "enable_prefix_caching": False,
        }
        self.engines = {
            str(count): stack.enter_context(LLM(*trio, speculate=count, **options))
            for count in drafts
        }
        self.base = stack.enter_context(LLM(base, speculate=0, **options))

    def measure(
        self, settings: Mapping[str, Setting], rounds: int, patience: float, reader: Reader
    ) -> dict[str, dict[str, Any]]:
        """The gate, then milliseconds a token and tokens a pass of the base, by setting and engine.

        The rounds of all settings alternate, and each has `patience` seconds.
        """
        counted = {name: self._counted(name, it) for name, it in settings.items()}
        races = {}
        for name, (prompts, params) in settings.items():
            runs = [partial(write, llm, prompts, params) for llm in self.engines.values()]
            runs.append(partial(write, self.base, prompts, _alone(params)))
            races[name] = [partial(reader.beside, partial(_per_token, run)) for run in runs]
        tables = in_turns(races, rounds, before=asleep, patience=patience)
        return {
            name: _figures(
                counted[name], dict(zip([*self.engines, BASE], columns, strict=True)), reader
            )
            for name, columns in tables.items()
        }

    def _counted(self, name: str, setting: Setting) -> dict[str, Metrics]:
        """What every engine counts, if all write what the one without drafts does."""
        prompts, params = setting
        plain = self._written("0", prompts, params)[0]
        found = {}
        for engine in self.engines:
            texts, metrics = self._written(engine, prompts, params)
            if texts != plain:
                raise WrongOutputError(
                    f"{name}: speculate={engine} writes another text than speculate=0"
                )
            found[engine] = metrics
        return found

    def _written(
        self, name: str, prompts: Prompts, params: SamplingParams
    ) -> tuple[list[list[int]], Metrics]:
        """What an engine writes, and what it counted meanwhile."""
        llm = self.engines[name]
        before = llm.metrics
        outputs = write(llm, prompts, params)
        texts = [output.outputs[0].token_ids for output in outputs]
        return texts, llm.metrics.since(before)


def write(llm: LLM, prompts: Prompts, params: SamplingParams) -> list[RequestOutput]:
    """One request after the other: this is about batch 1."""
    return [llm.generate([ids], params, use_tqdm=False)[0] for ids in prompts]


def _per_token(run: Callable[[], list[RequestOutput]]) -> float:
    """Seconds between tokens: what came before a text's first, and those with it, are left out."""
    stamps = [output.outputs[0].token_times for output in run()]
    spent = sum(times[-1] - times[0] for times in stamps)
    return spent / sum(len(times) - times.count(times[0]) for times in stamps)


def _alone(params: SamplingParams) -> SamplingParams:
    """The base writes as many tokens whatever it would rather do."""
    return replace(params, alpha=None, ignore_eos=True)


def _figures(
    drafting: Mapping[str, Metrics],
    columns: Mapping[str, Sequence[tuple[float, Beside]]],
    reader: Reader,
) -> dict[str, Any]:
    """What a record keeps of one setting."""
    each = {name: [1e3 * per_token for per_token, _ in column] for name, column in columns.items()}
    states = {
        name: [reader.state(beside) for _, beside in column] for name, column in columns.items()
    }

    def times(slow: str) -> dict[str, Any]:
        return {
            name: by_state(each[slow], own, list(zip(states[slow], states[name], strict=True)))
            for name, own in each.items()
            if name != slow
        }

    return {
        "ms_per_token": {name: vars(Spread.of(column)) for name, column in each.items()},
        "tokens_per_base_pass": {name: it.tokens_per_base_pass for name, it in drafting.items()},
        "acceptance": {name: it.acceptance for name, it in drafting.items()},
        "times_faster_than_no_drafts": times("0"),
        "times_faster_than_base_alone": times(BASE),
        "rounds": {
            name: {
                "ms": [float(f"{value:.4g}") for value in own],
                "read_ms": [float(f"{1e3 * beside.read:.4g}") for _, beside in columns[name]],
                "others": [round(beside.others, 2) for _, beside in columns[name]],
            }
            for name, own in each.items()
        },
    }
