"""The oracle against a plain loop over three Hugging Face models, and its own rules of ending."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor
from transformers import AutoModelForCausalLM

from proxyfuse.errors import NonFiniteError
from proxyfuse.models.config import read_config
from proxyfuse.models.loading import load_weights
from proxyfuse.reference import Model, Written, write
from proxyfuse.sampling import SamplingParams
from proxyfuse.trio import Role, Trio
from tests.tiny import VOCAB, make_trio

Prompts = Trio[Sequence[int]]
PLAIN, CHAT = [5, 9, 31], [8, 200, 5, 9, 31, 77]
PROMPTS: Prompts = Trio({Role.BASE: PLAIN, Role.EXPERT: CHAT, Role.ANTIEXPERT: PLAIN})
FAMILIES = ("llama", "llama3", "mistral", "qwen2-windows", "qwen3")


def load(folder: Path) -> Model:
    config = read_config(folder)
    return Model(config, load_weights(folder, config, torch.float32))


def ask(models: Trio[Model], prompts: Prompts = PROMPTS, seed: int = 3, **asked: Any) -> Written:
    """20 tokens, greedy, with no end of text, unless asked otherwise."""
    run = {name: asked.pop(name) for name in ("given", "stream", "max_model_len") if name in asked}
    params = SamplingParams(
        **({"temperature": 0.0, "max_tokens": 20, "ignore_eos": True, "alpha": 1.0} | asked)
    )
    return write(models, prompts, params, seed=seed, vocab=VOCAB, **({"max_model_len": 256} | run))


def hugging_face(folders: Trio[Path], alpha: float, tokens: int) -> tuple[list[int], list[Tensor]]:
    """The greedy continuation, and the fused logits of each of its tokens."""
    models = folders.map(lambda folder: AutoModelForCausalLM.from_pretrained(folder).eval())
    continuation: list[int] = []
    rows = []
    for _ in range(tokens):
        logits = {
            role: model(torch.tensor([[*PROMPTS[role], *continuation]])).logits[0, -1, :VOCAB]
            for role, model in models.items()
        }
        difference = logits[Role.EXPERT] - logits[Role.ANTIEXPERT]
        rows.append(logits[Role.BASE] + alpha * difference)
        continuation.append(int(rows[-1].argmax()))
    return continuation, rows


@pytest.fixture(scope="module")
def folders(tmp_path_factory: pytest.TempPathFactory) -> Trio[Path]:
    return make_trio(tmp_path_factory.mktemp("trio"))


@pytest.fixture(scope="module")
def models(folders: Trio[Path]) -> Trio[Model]:
    return folders.map(load)


@torch.inference_mode()
@pytest.mark.parametrize("family", FAMILIES)
@pytest.mark.parametrize("alpha", [1.0, -0.4, 1.7])
def test_greedy_text_is_that_of_three_hugging_face_models(
    family: str, alpha: float, tmp_path: Path
) -> None:
    folders = make_trio(tmp_path, family, proxy={"vocab_size": 299})
    want, logits = hugging_face(folders, alpha, tokens=20)
    written = ask(folders.map(load), alpha=alpha, logprobs=3)
    assert written.token_ids == want and len(set(want)) > 2
    for token, logprob, best, row in zip(
        want, written.logprobs, written.top_logprobs, logits, strict=True
    ):
        expected = row.log_softmax(-1)
        assert logprob == pytest.approx(float(expected[token]), abs=1e-3)
        assert list(best) == row.topk(3).indices.tolist()
        assert list(best.values()) == pytest.approx(expected.topk(3).values.tolist(), abs=1e-3)


@torch.inference_mode()
def test_identities(models: Trio[Model]) -> None:
    base, expert, anti = models.values()
    sampled = {"temperature": 0.7, "top_p": 0.9}
    alone = ask(Trio({Role.BASE: base}), **sampled)
    assert ask(models, alpha=0.0, **sampled).token_ids == alone.token_ids
    same = Trio({Role.BASE: base, Role.EXPERT: expert, Role.ANTIEXPERT: expert})
    prompts = Trio(dict.fromkeys(Role, PROMPTS.base))
    assert ask(same, prompts, alpha=1.6, **sampled).token_ids == alone.token_ids
    cancelled = Trio({Role.BASE: anti, Role.EXPERT: expert, Role.ANTIEXPERT: anti})
    experts = ask(Trio({Role.BASE: expert}), Trio({Role.BASE: PROMPTS[Role.EXPERT]}), **sampled)
    assert ask(cancelled, **sampled).token_ids == experts.token_ids != alone.token_ids


@torch.inference_mode()
def test_seed_and_stream_choose_the_text(models: Trio[Model]) -> None:
    def text(**asked: Any) -> list[int]:
        return ask(models, temperature=1.0, **asked).token_ids

    assert text() == text()
    assert len({tuple(text(seed=seed)) for seed in (0, 1, -1, 2**64 - 2)}) == 4
    assert text(seed=-1) == text(seed=2**64 - 1)  # 64 bits, however they are written
    assert text(stream=0) != text(stream=1)


@torch.inference_mode()
def test_a_stop_id_ends_the_text_and_stands_in_it(models: Trio[Model]) -> None:
    free = ask(models).token_ids
    stop = free[6]
    first = free.index(stop)
    stopped = ask(models, stop_token_ids=[stop])
    assert (stopped.token_ids, stopped.finish_reason) == (free[: first + 1], "stop")
    later = ask(models, stop_token_ids=[stop], min_tokens=first + 2)
    assert stop not in later.token_ids[: first + 2]
    assert later.token_ids[:first] == free[:first] and len(later.token_ids) > first + 1


@torch.inference_mode()
def test_the_end_of_text_of_any_role_stops_unless_ignored(tmp_path: Path) -> None:
    loaded = make_trio(tmp_path, proxy={"eos_token_id": [7, 11]}).map(load)
    biased = {"logit_bias": {11: 1000.0}}
    assert ask(loaded, **biased, ignore_eos=False).token_ids == [11]
    assert ask(loaded, **biased).token_ids == [11] * 20
    held = ask(loaded, **biased, ignore_eos=False, min_tokens=3)
    assert len(held.token_ids) == 4 and held.token_ids.index(11) == 3


@torch.inference_mode()
def test_length(models: Trio[Model]) -> None:
    assert len(ask(models, max_tokens=3).token_ids) == 3
    full = ask(models, max_tokens=None, max_model_len=len(PROMPTS[Role.EXPERT]) + 5)
    assert (len(full.token_ids), full.finish_reason) == (
        5,
        "length",
    )  # the expert's lane is longest
    alone = ask(models, max_tokens=None, max_model_len=10, alpha=0.0)
    assert len(alone.token_ids) == 10 - len(PROMPTS.base)


@torch.inference_mode()
def test_penalties_bias_and_allowed_ids_reach_the_sampler(models: Trio[Model]) -> None:
    free = ask(models).token_ids
    pushed = {"logit_bias": {64: 60.0}}
    assert ask(models, **pushed).token_ids == [64] * 20
    assert ask(models, **pushed, presence_penalty=100.0).token_ids.count(64) == 1
    assert 1 < ask(models, **pushed, frequency_penalty=20.0).token_ids.count(64) < 6
    assert ask(models, **pushed, repetition_penalty=50.0).token_ids.count(64) < 20
    assert ask(models, allowed_token_ids=[31, 64, 63]).token_ids != free
    assert set(ask(models, allowed_token_ids=[31, 64, 63]).token_ids) <= {31, 64, 63}
    assert ask(models, logit_bias={free[0]: -100.0}).token_ids[0] != free[0]


@torch.inference_mode()
def test_given_tokens_are_scored_as_if_they_had_been_drawn(models: Trio[Model]) -> None:
    drawn = ask(models, temperature=1.0)
    scored = ask(models, given=drawn.token_ids)
    assert scored.token_ids == drawn.token_ids
    assert scored.logprobs == drawn.logprobs
    for token, values in zip(scored.token_ids[:1], scored.role_logprobs, strict=False):
        for role, value in values.items():
            alone = models[role].logits(PROMPTS[role])[:VOCAB].log_softmax(-1)
            assert value == pytest.approx(float(alone[token]), abs=1e-4)


@torch.inference_mode()
def test_a_logit_that_is_not_finite_is_an_error(folders: Trio[Path]) -> None:
    broken = folders.map(load)
    broken[Role.EXPERT].weights.norm[0] = torch.nan
    with pytest.raises(NonFiniteError, match="token 0"):
        ask(broken)
