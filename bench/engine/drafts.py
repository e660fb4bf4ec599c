"""Engines that draft so far ahead, and the base alone: what each of them takes for a token."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, replace
from functools import partial
from typing import Any

from bench.engine.doubt import doubts
from bench.engine.draft_figures import BASE, SLOW, Column, figures, pairs
from bench.engine.gate import WrongOutputError
from bench.engine.reads import Beside, Reader
from proxyfuse import LLM, Metrics, RequestOutput, SamplingParams
from proxyfuse.demo import model_folder
from proxyfuse.measure import asleep, in_turns

Prompts = list[list[int]]

LEAD = 24  # tokens at most, that are written before those that count


@dataclass(frozen=True)
class Setting:
    """What is written, and who drafts so many tokens ahead meanwhile, after which expert."""

    prompts: Prompts
    params: SamplingParams
    drafts: tuple[int | str, ...]  # with 0, which tells what the others must write
    expert: str = "expert"


class Bench:
    """Engines that write the same prompts: one for each number of drafts, and the base alone."""

    def __init__(self, stack: ExitStack, settings: Mapping[str, Setting]) -> None:
        base, anti = model_folder("base"), model_folder("antiexpert")
        options: dict[str, Any] = {
            "device": "cpu",
            "dtype": "bfloat16",
            "enable_prefix_caching": False,
        }
        self.settings = settings
        wanted = {(it.expert, count): None for it in settings.values() for count in it.drafts}
        self._drafting = {
            (expert, count): stack.enter_context(
                LLM(base, model_folder(expert), anti, speculate=count, **options)
            )
            for expert, count in wanted
        }
        self._base = stack.enter_context(LLM(base, speculate=0, **options))

    def measure(self, rounds: int, seconds: float, reader: Reader) -> dict[str, dict[str, Any]]:
        """The gate, then milliseconds a token and tokens a pass of the base, by setting and engine.

        The rounds of all settings alternate within `seconds`; the least certain is next.
        """
        counted = {name: self._counted(name) for name in self.settings}
        races = {name: self._runs(it, reader) for name, it in self.settings.items()}

        def in_doubt(name: str, columns: Sequence[Column]) -> tuple[float, float]:
            named = self._named(name, columns)
            ratios = [it for slow in SLOW for it in pairs(named, slow, reader).values()]
            return doubts(ratios, reader.now)

        tables = in_turns(
            races, rounds, warm_up=0, before=asleep, patience=seconds, doubts=in_doubt
        )
        return {
            name: figures(counted[name], self._named(name, columns), reader)
            for name, columns in tables.items()
        }

    def _runs(self, setting: Setting, reader: Reader) -> list[Callable[[], tuple[float, Beside]]]:
        prompts, params = setting.prompts, setting.params
        runs = [partial(_taken, llm, prompts, params) for llm in self._engines(setting).values()]
        runs.append(partial(_taken, self._base, prompts, _alone(params)))
        return [partial(reader.beside, run) for run in runs]

    def _engines(self, setting: Setting) -> dict[str, LLM]:
        return {str(count): self._drafting[setting.expert, count] for count in setting.drafts}

    def _named(self, name: str, columns: Sequence[Column]) -> dict[str, Column]:
        return dict(zip([*map(str, self.settings[name].drafts), BASE], columns, strict=True))

    def _counted(self, name: str) -> dict[str, Metrics]:
        """What every engine counts, if all write what the one without drafts does.

        With the base, which is judged by nobody, all have then run what is timed.
        """
        setting = self.settings[name]
        write(self._base, setting.prompts, _alone(setting.params))
        engines = self._engines(setting)
        plain = _written(engines["0"], setting)[0]
        found = {}
        for drafts, llm in engines.items():
            texts, metrics = _written(llm, setting)
            if texts != plain:
                raise WrongOutputError(
                    f"{name}: speculate={drafts} writes another text than speculate=0"
                )
            found[drafts] = metrics
        return found


def _written(llm: LLM, setting: Setting) -> tuple[list[list[int]], Metrics]:
    """What an engine writes, and what it counted meanwhile."""
    before = llm.metrics
    outputs = write(llm, setting.prompts, setting.params)
    texts = [output.outputs[0].token_ids for output in outputs]
    return texts, llm.metrics.since(before)


def write(llm: LLM, prompts: Prompts, params: SamplingParams) -> list[RequestOutput]:
    """One request after the other: this is about batch 1."""
    return [llm.generate([ids], params, use_tqdm=False)[0] for ids in prompts]


def _taken(llm: LLM, prompts: Prompts, params: SamplingParams) -> float:
    """Seconds between tokens, once a few that do not count have found a neighbour in the caches.

    What came before a text's first token, and those that came with it, are left out.
    """
    write(llm, prompts[:1], replace(params, max_tokens=LEAD))
    stamps = [output.outputs[0].token_times for output in write(llm, prompts, params)]
    spent = sum(times[-1] - times[0] for times in stamps)
    return spent / sum(len(times) - times.count(times[0]) for times in stamps)


def _alone(params: SamplingParams) -> SamplingParams:
    """The base writes as many tokens whatever it would rather do."""
    return replace(params, alpha=None, ignore_eos=True)
