"""A text that comes upon NaN while it is drafted for ends alone, and nothing of it is recalled."""

from __future__ import annotations

import shutil
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file, save_file

from proxyfuse import LLM, SamplingParams
from proxyfuse.errors import NonFiniteError
from proxyfuse.trio import Role, Trio
from tests.engine.crowd import texts
from tests.engine.drafters import Steady, use

BROKEN = 9  # the token that one model embeds to NaN
SOUND = tuple(range(20, 28))
NEXT = SamplingParams(seed=1, max_tokens=60, allowed_token_ids=SOUND, ignore_eos=True)
FAILING = replace(NEXT, allowed_token_ids=(*SOUND, BROKEN), logit_bias={BROKEN: 1.0})
Written = tuple[list[object], int, int]


def breaking(trio: Trio[Path], role: Role, to: Path) -> Trio[Path]:
    """One model plays all: every draft of a sound text holds."""
    folders = Trio({Role.BASE: trio.base, Role.EXPERT: trio.base, Role.ANTIEXPERT: trio.base})
    shutil.copytree(folders[role], to)
    weights = load_file(to / "model.safetensors")
    weights["model.embed_tokens.weight"][BROKEN] = torch.nan
    save_file(weights, to / "model.safetensors")
    return Trio({**folders, role: to})


def written(llm: LLM, params: SamplingParams) -> Written:
    """A text, and how many drafts it had and kept."""
    outputs = llm.generate([[5, 6, 7]], params, use_tqdm=False)
    one = outputs[0].outputs[0]
    return texts(outputs), one.drafted, one.accepted


@pytest.mark.parametrize("drawer", [Role.EXPERT, Role.ANTIEXPERT])
@pytest.mark.parametrize("broken", Role)
def test_nan_ends_the_text_it_is_met_in_and_is_not_recalled_in_the_next(
    trio, open_llm, tmp_path: Path, broken: Role, drawer: Role
) -> None:
    folders = breaking(trio, broken, tmp_path / "broken")
    plain, fresh, llm = (open_llm(folders, speculate=most) for most in (0, 8, 8))
    for one in (fresh, llm):
        use(one, Steady(8, drawer))
    ended = plain.generate([[5, 6, 7]], FAILING, use_tqdm=False)[0].outputs[0]
    assert ended.error_kind == NonFiniteError.kind and len(ended.token_ids) > 1
    assert written(llm, FAILING)[0] == written(plain, FAILING)[0]
    after = written(llm, NEXT)
    assert after == written(fresh, NEXT) and after[2] > 0
    assert after[0] == written(plain, NEXT)[0]
