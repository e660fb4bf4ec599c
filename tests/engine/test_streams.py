"""The engine over a device that does everything as late as it may, in any order that it may."""

from __future__ import annotations

import gc
import random
import time
import weakref
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest

from proxyfuse import LLM, Metrics, Prompt, RequestOutput, SamplingParams
from proxyfuse.plan import Plan
from proxyfuse.runner import runner, warmup
from proxyfuse.runner.ahead import Ahead
from proxyfuse.runner.pair import Pair
from proxyfuse.runner.runner import Runner
from proxyfuse.speculation import choice, speculator
from proxyfuse.trio import Role, Trio
from tests.engine.crowd import random_request, texts
from tests.engine.test_loop import fail_on
from tests.fake.device import FakeDevice, FakeEvent, World
from tests.fake.engine import put_on

FEW = {"kv_cache_bytes": 1 << 22, "max_num_seqs": 1}
AMPLE = {"kv_cache_bytes": 1 << 22, "max_num_seqs": 6}  # few sizes to prepare
TIGHT = {"page_size": 3, "max_num_seqs": 5, "max_num_batched_tokens": 16, "kv_cache_bytes": 56_000}
Request = tuple[Prompt, SamplingParams]


def crowd(seed: int, count: int = 6) -> list[Request]:
    rng = random.Random(seed)
    shared = [rng.randrange(1, 293) for _ in range(15)]
    return [random_request(rng, shared) for _ in range(count)]


def write(llm: LLM, requests: list[Request]) -> list[RequestOutput]:
    prompts, params = zip(*requests, strict=True)
    return llm.generate(list(prompts), list(params), use_tqdm=False)


class Followers:
    """Counts samples that were launched before their sequence's last ones were settled."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.plain = self.drafting = 0
        write = Ahead.write

        def counted(ahead: Ahead, plan: Plan, *rest: Any) -> None:
            write(ahead, plan, *rest)
            for sample in plan.samples:
                following = sample.row > sample.sequence.row
                self.plain += following and not sample.drafts
                self.drafting += following and sample.drafts > 0

        monkeypatch.setattr(Ahead, "write", counted)


EAGER: dict[str, Any] = {"enforce_eager": True}
SETTINGS: dict[str, dict[str, Any]] = {
    "plain": {**AMPLE, **EAGER, "speculate": 0},
    "plain, tight": {**TIGHT, "speculate": 0},
    "drafts": {**AMPLE, "speculate": 3},
    "drafts, tight": {**TIGHT, **EAGER, "speculate": 3},
    "two devices": {**AMPLE, "proxy_device": "cpu:1", "speculate": 0},
    "two devices, drafts": {**TIGHT, "proxy_device": "cpu:1", "speculate": 3},
    "auto": {**AMPLE, **EAGER, "speculate": "auto"},
}


def test_what_steps_read_is_cleared_on_the_stream_that_they_run_on(
    trio, open_llm, monkeypatch
) -> None:
    """A card's own stream is not waited for by others, so nothing may be cleared there."""
    world, cleared_on = World(0), []
    put_on(world, monkeypatch)
    make = Runner.__init__

    def made(runner: Runner, *args: Any, **kwargs: Any) -> None:
        cleared_on.extend(world.on)
        make(runner, *args, **kwargs)
        assert runner._streams is not None and cleared_on == [runner._streams.main]

    monkeypatch.setattr(Runner, "__init__", made)
    open_llm(trio, **FEW, **EAGER, speculate=0)
    assert cleared_on


def test_a_closed_engine_leaves_no_weights(trio, monkeypatch) -> None:
    """At once, not when a collector next looks: another engine may want their memory."""
    put_on(World(0), monkeypatch)
    monkeypatch.setattr(warmup, "MOST", 3)
    options = {"dtype": "float32", "device": "cpu", **FEW, "speculate": 2}
    gc.disable()
    try:
        with LLM(*trio.values(), **options) as llm:
            llm.generate([5, 6, 7], SamplingParams(max_tokens=5, alpha=1.0), use_tqdm=False)
            decoders = [weakref.ref(one) for one in llm._loaded.runner.decoders.values()]
        del llm
        assert [decoder() for decoder in decoders] == [None] * len(Role)
    finally:
        gc.enable()


@pytest.mark.parametrize("setting", ["plain", "two devices", "drafts"])
def test_a_closed_engine_leaves_nothing_running(
    trio, open_llm, plain_torch, monkeypatch, setting: str
) -> None:
    """Though a step was launched before its text was found to have ended."""
    world = World(0)
    put_on(world, monkeypatch)
    monkeypatch.setattr(warmup, "MOST", 3)
    llm = open_llm(trio, **SETTINGS[setting])
    params = SamplingParams(temperature=0.0, max_tokens=40, ignore_eos=True)
    written = llm.generate([5, 6, 7], params, use_tqdm=False)[0].outputs[0].token_ids
    ended = replace(params, stop_token_ids=written[9:10])
    output = llm.generate([5, 6, 7], ended, use_tqdm=False)[0].outputs[0]
    assert output.finish_reason == "stop"
    assert world.unfinished, "a step was launched ahead"
    llm.close()
    assert not world.unfinished


def test_a_failure_is_told_when_nothing_runs(trio, open_llm, plain_torch, monkeypatch) -> None:
    """The pages of those that failed are the next one's; a launch fails with half of it given."""
    wanted = texts(write(open_llm(trio, speculate=0, **AMPLE), crowd(3)))
    world = World(0)
    put_on(world, monkeypatch)
    llm = open_llm(trio, speculate=0, **AMPLE, **EAGER)
    params = SamplingParams(temperature=0.0, max_tokens=40, ignore_eos=True)
    for owner, method in ((llm._loaded.scheduler, "settle"), (llm._loaded.runner, "_rise")):
        with monkeypatch.context() as patch:
            fail_on(patch, owner, method, 5, RuntimeError("boom"))
            output = llm.generate([5, 6, 7], params, use_tqdm=False)[0].outputs[0]
        assert output.finish_reason == "error"
        assert not world.unfinished
    assert texts(write(llm, crowd(3))) == wanted


@pytest.mark.parametrize("setting", SETTINGS)
@pytest.mark.parametrize("expert", [Role.BASE, Role.EXPERT], ids=["its own expert", "strangers"])
def test_what_is_written_is_what_the_host_writes(
    trio, open_llm, plain_torch, monkeypatch, expert: Role, setting: str
) -> None:
    """Where the base is its own expert most drafts hold, and else next to none."""
    seed = int(expert)  # crowds in which somebody need not wait
    folders = Trio({**trio, Role.EXPERT: trio[expert]})
    wanted = texts(write(open_llm(folders, speculate=0, **AMPLE), crowd(seed)))
    world, options = World(seed), SETTINGS[setting]
    put_on(world, monkeypatch)
    followers = Followers(monkeypatch)
    assert texts(write(open_llm(folders, **options), crowd(seed))) == wanted
    assert (world.counts["replays"] > 0) == ("enforce_eager" not in options)
    assert (world.counts["bring"] > 0) == ("proxy_device" in options)
    assert followers.plain + followers.drafting > 0


def few_lengths(monkeypatch: pytest.MonkeyPatch) -> None:
    """What "auto" may draft is made ready: every length takes its time here."""
    for module in (choice, speculator):
        monkeypatch.setattr(module, "LENGTHS", (1, 2, 4, 6))


@pytest.mark.parametrize("speculate", [0, 3, "auto"])
def test_a_step_is_one_copy_down_one_graph_and_one_copy_up(
    trio, open_llm, plain_torch, monkeypatch, speculate: int | str
) -> None:
    """The whole of it, from the first one on: drafts, verification, all that is placed between."""
    few_lengths(monkeypatch)
    world = World(0)
    put_on(world, monkeypatch)
    llm = open_llm(trio, speculate=speculate, **FEW)
    params = SamplingParams(temperature=0.0, max_tokens=9, ignore_eos=True)
    before, followers = world.counts.copy(), Followers(monkeypatch)
    output = llm.generate([[5, 6, 7]], params, use_tqdm=False)[0].outputs[0]
    steps = output.base_passes
    wanted = {"down": steps, "replays": steps - 1, "up": steps, "waits": steps}
    assert world.counts - before == wanted, "all but the prompt's own step is one graph"
    assert llm.metrics.steps == steps
    ahead = followers.drafting + followers.plain
    assert ahead >= (steps - 1) / 2, "steps were launched before the last one had landed"


def test_the_host_s_work_is_told_from_its_waiting(
    trio, open_llm, plain_torch, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A tenth of a second that the device takes longer is the host's waiting, and no more work."""
    put_on(World(0), monkeypatch)
    llm = open_llm(trio, speculate=0, **FEW)
    params = SamplingParams(temperature=0.0, max_tokens=4, ignore_eos=True)

    def took() -> Metrics:
        before = llm.metrics
        llm.generate([[5, 6, 7]], params, use_tqdm=False)
        return llm.metrics.since(before)

    quick, late = took(), FakeEvent.synchronize
    monkeypatch.setattr(FakeEvent, "synchronize", lambda it: (time.sleep(0.1), late(it)))
    slow = took()
    assert quick.steps == slow.steps == 4
    assert slow.waited_seconds > quick.waited_seconds + 0.3
    assert 0 < slow.host_seconds < 0.3 and quick.host_seconds > 0


@pytest.mark.parametrize("roles", [tuple(Role), (Role.BASE,)], ids=["trio", "base"])
@pytest.mark.parametrize("speculate", ["auto", 5])
def test_nothing_is_captured_in_traffic(
    trio, open_llm, plain_torch, monkeypatch, speculate: int | str, roles: tuple[Role, ...]
) -> None:
    """Whatever shape a step turns out to have: those that are not ready run call by call."""
    few_lengths(monkeypatch)
    options = {**FEW, "max_num_seqs": 3}
    folders = Trio(dict.fromkeys(roles, trio[Role.EXPERT]))
    repeats = (Prompt([5, 6, 7] * 9), SamplingParams(temperature=0.0, max_tokens=30))
    requests = crowd(3) if len(roles) > 1 else [repeats, repeats]
    wanted = texts(write(open_llm(folders, speculate=0, **options), requests))
    world = World(3)
    put_on(world, monkeypatch)
    llm = open_llm(folders, speculate=speculate, **options)
    loaded = world.counts.copy()
    assert texts(write(llm, requests)) == wanted
    assert loaded["captures"] > 0 and world.counts["captures"] == loaded["captures"]
    assert world.counts["replays"] > loaded["replays"]


def test_a_capture_that_fails_fails_the_load_and_no_engine_after_it(
    trio, open_llm, plain_torch, monkeypatch
) -> None:
    few_lengths(monkeypatch)
    wanted = texts(write(open_llm(trio, speculate=0, **FEW), crowd(3)))
    put_on(World(3), monkeypatch)
    capture = FakeDevice.capture

    def spoilt(self: FakeDevice, work: Callable[[], object], stream: Any) -> object:
        return capture(self, lambda: (work(), 1 / 0), stream)

    with monkeypatch.context() as patch, pytest.raises(ZeroDivisionError):
        patch.setattr(FakeDevice, "capture", spoilt)
        open_llm(trio, **FEW)
    for options in ({"enforce_eager": True}, {}):
        put_on(World(3), monkeypatch)  # whose memory is not taken for that of the engine before
        assert texts(write(open_llm(trio, **FEW, **options), crowd(3))) == wanted


def test_warming_up_is_bounded(trio, open_llm, plain_torch, monkeypatch) -> None:
    few_lengths(monkeypatch)
    for name, value, captures in (("MOST", 2, 2), ("SECONDS", -1.0, 0)):
        monkeypatch.setattr(warmup, name, value)
        world = World(0)
        put_on(world, monkeypatch)
        params = SamplingParams(temperature=0.0, max_tokens=5)
        open_llm(trio, **FEW).generate([[5, 6, 7]], params, use_tqdm=False)
        assert world.counts["captures"] == captures


@pytest.mark.parametrize("proxies", ["streams", "auto"])
def test_what_is_compiled_takes_nothing_from_what_is_captured(
    trio, open_llm, plain_torch, monkeypatch, proxies: str
) -> None:
    few_lengths(monkeypatch)
    monkeypatch.setattr(warmup, "MOST", 4)
    clock, seen, rehearse, choose = [0.0], [], Runner._rehearse, Pair.choose

    def slow_at_first(self: Runner, plan: Any, *args: Any, **kwargs: Any) -> None:
        rehearse(self, plan, *args, **kwargs)
        clock[0] += 1.0 if any(plan is one for one in seen) else 2 * warmup.SECONDS
        seen.append(plan)

    def slowly(self: Pair, *args: Any) -> None:
        choose(self, *args)
        clock[0] += 2 * warmup.SECONDS

    monkeypatch.setattr(Runner, "_rehearse", slow_at_first)
    monkeypatch.setattr(Pair, "choose", slowly)
    monkeypatch.setattr(runner, "monotonic", lambda: clock[0])
    world = World(0)
    put_on(world, monkeypatch)
    llm = open_llm(trio, **FEW, proxies=proxies)
    assert len(llm._loaded.runner._assembly._ready) >= 4 and world.counts["captures"] >= 4
