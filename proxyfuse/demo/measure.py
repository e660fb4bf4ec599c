"""Four ways of writing, asked the same: the base, the expert, the steered base, the tuned base."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from statistics import fmean
from typing import TypeVar

from proxyfuse import LLM, SamplingParams
from proxyfuse.demo import model_folder
from proxyfuse.demo.arithmetic import is_correct
from proxyfuse.demo.figures import WAYS, Figure, Way
from proxyfuse.demo.held_out import Kind
from proxyfuse.demo.material import BEGIN, Material

MODELS: dict[Way, tuple[str, ...]] = {
    "base": ("base",),
    "expert": ("expert",),
    "proxied": ("base", "expert", "antiexpert"),
    "tuned": ("tuned",),
}
SUM_TOKENS = 96  # a worked sum takes about 60
CODE_TOKENS = 72
CODE_PENALTY = 1.15  # on repetition: models as small as these go round in circles without
BATCH = 16  # items given to the engine at once; progress is told after each batch
Advance = Callable[[int], object]
T = TypeVar("T")


@dataclass(frozen=True)
class Steering:
    """The alphas of one run; None where there is nothing to steer with."""

    sums: float | None
    code: float | None  # of the code that is continued
    text: tuple[float | None, ...]  # of the windows, which are scored once with each


ALONE = Steering(None, None, (None,))
DEFAULT = Steering(1.0, 0.5, (0.5, 1.0))


@dataclass(frozen=True)
class Answers:
    """What one way of writing made of the material."""

    sums: list[str]
    code: list[str]
    right: list[bool]  # of each sum
    nats: dict[tuple[Kind, float | None], list[float]]  # per token, of each window, by alpha


def steering(way: Way, chosen: Steering) -> Steering:
    """A model on its own has no alpha."""
    return chosen if way == "proxied" else ALONE


def items(material: Material, chosen: Steering) -> int:
    """How far `ask` advances over all ways together."""
    windows = sum(map(len, material.windows.values()))
    written = len(material.sums) + len(material.code)
    return sum(written + windows * len(steering(way, chosen).text) for way in WAYS)


def ask(way: Way, material: Material, chosen: Steering, advance: Advance) -> Answers:
    """Let one way write and score everything.

    On the CPU, wherever it runs: for models of this size a GPU would spend its time starting up.
    `advance` is told how many items were done. Raises as `LLM` does.
    """
    steer = steering(way, chosen)
    plain = SamplingParams(temperature=0, max_tokens=SUM_TOKENS, alpha=steer.sums)
    unrepeated = SamplingParams(
        temperature=0,
        max_tokens=CODE_TOKENS,
        repetition_penalty=CODE_PENALTY,
        alpha=steer.code,
    )
    with LLM(*map(model_folder, MODELS[way]), device="cpu") as llm:
        code = _write(llm, material.code, unrepeated, advance)
        sums = _write(llm, [one.prompt for one in material.sums], plain, advance)
        nats = {
            (kind, alpha): _score(llm, windows, alpha, advance)
            for kind, windows in material.windows.items()
            for alpha in steer.text
        }
    return Answers(sums, code, list(map(is_correct, material.sums, sums)), nats)


def figures(answers: Mapping[Way, Answers], chosen: Steering) -> list[Figure]:
    """The rows of the table: sums, then each kind of text at each alpha."""
    right = {way: [float(one) for one in answers[way].right] for way in WAYS}
    rows = [Figure("sums solved exactly", chosen.sums, "share right", right)]
    names: dict[Kind, str] = {"code": "Python code", "prose": "general prose"}
    for kind, name in names.items():
        for alpha in chosen.text:
            nats = {
                way: answers[way].nats[kind, alpha if way == "proxied" else None] for way in WAYS
            }
            rows.append(Figure(name, alpha, "nats/token", nats, taught=kind == "code"))
    return rows


def _write(llm: LLM, prompts: Sequence[str], params: SamplingParams, advance: Advance) -> list[str]:
    texts = []
    for some in _batches(prompts):
        outputs = llm.generate(some, params, use_tqdm=False)
        texts += [output.outputs[0].text for output in outputs]
        advance(len(some))
    return texts


def _score(
    llm: LLM, windows: Sequence[list[int]], alpha: float | None, advance: Advance
) -> list[float]:
    """Nats per token of each window behind a begin token."""
    nats = []
    for some in _batches(windows):
        scores = llm.score([[BEGIN]] * len(some), some, alpha, use_tqdm=False)
        nats += [-fmean(score.fused) for score in scores]
        advance(len(some))
    return nats


def _batches(asked: Sequence[T]) -> Iterator[Sequence[T]]:
    return (asked[at : at + BATCH] for at in range(0, len(asked), BATCH))
