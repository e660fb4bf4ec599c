"""Engines that draft, over the demo trio: what all of them write, and what a record keeps of it."""

from __future__ import annotations

import json
import shlex
import sys
from contextlib import ExitStack
from pathlib import Path

import pytest

from bench import harness
from bench.engine import drafts, speculation
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


def test_one_setting_by_itself_is_another_record(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Where few rounds leave a ratio in doubt: nothing that the README is made from."""
    both = {"it, once": Setting(PROMPTS, PARAMS, (0, 2)), "else": Setting(PROMPTS, PARAMS, (9,))}
    monkeypatch.setattr(speculation, "settings", lambda: both)
    monkeypatch.setattr(speculation, "Reader", lambda device: Reader(device, 1 << 16))
    monkeypatch.setattr(harness.save, "__defaults__", (tmp_path,))
    words = ["--setting", "it, once", "--seconds", "0", "--rounds", "1"]
    monkeypatch.setattr(sys, "argv", ["bench", *words])
    speculation.main()
    (path,) = tmp_path.glob("*/*.json")
    record = json.loads(path.read_text(encoding="utf-8"))
    assert set(record["settings"]) == {"it, once"} and record["bench"] == "speculation-setting"
    assert shlex.split(record["command"])[3:] == words
    assert not list(tmp_path.glob("*/*-speculation.json"))


def test_what_the_table_tells_is_what_the_engine_does_by_itself() -> None:
    every = speculation.settings()
    told = speculation.by_itself(every)
    assert list(told) == [*list(every)[:4], "code, temperature 0.8, alpha 0"]
    assert all(it.drafts == (0, "auto") for it in told.values())
    assert told["sums, temperature 0"].prompts == every["sums, temperature 0"].prompts


@pytest.mark.parametrize("words", [["--sweep", "--setting", "it"], ["--plot", "it.png"]])
def test_a_record_is_of_one_kind(words: list[str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(speculation, "settings", lambda: {"it": Setting(PROMPTS, PARAMS, (0,))})
    monkeypatch.setattr(speculation, "sweep", lambda *_: pytest.fail("it was measured"))
    monkeypatch.setattr(sys, "argv", ["bench", *words])
    with pytest.raises(SystemExit):
        speculation.main()
