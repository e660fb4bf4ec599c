"""Engines that draft, over the demo trio: what all of them write, and what a record keeps of it."""

from __future__ import annotations

from contextlib import ExitStack

import pytest

from bench.engine import drafts
from bench.engine.draft_figures import BASE
from bench.engine.drafts import Bench, Setting
from bench.engine.gate import WrongOutputError
from bench.engine.reads import Reader
from proxyfuse import SamplingParams
from proxyfuse.measure import protocol

PARAMS = SamplingParams(temperature=0.0, max_tokens=6, ignore_eos=True)
PROMPTS = [[300, 301, 302, 303], [310, 311]]


def test_settings_of_two_experts_share_one_time_and_tell_their_errors() -> None:
    settings = {
        "expert": Setting(PROMPTS, PARAMS, (0, 2)),
        "tuned": Setting(PROMPTS[:1], PARAMS, (0,), expert="tuned"),
    }
    with ExitStack() as stack:
        bench = Bench(stack, settings)
        found = bench.measure(rounds=9, seconds=0.0, reader=Reader("cpu", 1 << 16))
    assert set(found["expert"]["ms_per_token"]) == {"0", "2", BASE}
    assert set(found["expert"]["times_faster_than_base_alone"]) == {"0", "2"}
    assert set(found["tuned"]["times_faster_than_no_drafts"]) == {BASE}
    for its in found.values():
        plain = its["times_faster_than_no_drafts"][BASE]
        assert plain["pairs"] == protocol.LEAST and plain["error"] > 0
        assert {len(column["ms"]) for column in its["rounds"].values()} == {protocol.LEAST}
    assert found["expert"]["tokens_per_base_pass"]["0"] == 1.0


def test_who_writes_another_text_is_not_timed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(drafts, "in_turns", lambda *_, **__: pytest.fail("it was timed"))
    texts = iter([[[1, 2]], [[1, 2]], [[1, 3]]])  # without drafts, again, and with two
    real = drafts._written
    monkeypatch.setattr(drafts, "_written", lambda *them: (next(texts), real(*them)[1]))
    with ExitStack() as stack:
        bench = Bench(stack, {"it": Setting(PROMPTS[:1], PARAMS, (0, 2))})
        with pytest.raises(WrongOutputError, match="it: speculate=2 writes another text"):
            bench.measure(rounds=3, seconds=0.0, reader=Reader("cpu", 1 << 16))
