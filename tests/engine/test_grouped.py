"""Expert and antiexpert as one forward: the text of two, over a device that is late."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from proxyfuse import LLM, SamplingParams
from proxyfuse.engine.checkpoints import Checkpoints
from proxyfuse.errors import ConfigError
from proxyfuse.runner import pair
from proxyfuse.trio import PROXIES, Role, Trio
from tests.engine.crowd import texts
from tests.engine.test_streams import AMPLE, EAGER, FEW, TIGHT, crowd, write
from tests.fake.device import World
from tests.fake.engine import put_on
from tests.stored_fp8 import store
from tests.tiny import make_model, make_trio

SETTINGS: dict[str, dict[str, Any]] = {
    "graphs": {**AMPLE, "speculate": 0},
    "call by call": {**AMPLE, **EAGER, "speculate": 0},
    "tight": {**TIGHT, "speculate": 0},
    "no prefix cache": {**TIGHT, **EAGER, "speculate": 0, "enable_prefix_caching": False},
    "drafts": {**AMPLE, "speculate": 3},
    "two devices": {**AMPLE, "proxy_device": "cpu:1", "speculate": 0},
    "two devices, drafts": {**TIGHT, "proxy_device": "cpu:1", "speculate": 2},
}


def joins(world: World) -> int:
    """How often rows of both proxies were put side by side."""
    return sum(name.startswith("join") for name in world.log)


@pytest.mark.parametrize("setting", SETTINGS)
def test_the_text_is_that_of_streams(
    trio, open_llm, plain_torch, monkeypatch, setting: str
) -> None:
    """Greedy and drawn, prompts that differ by role, some sequences of one lane, preemption."""
    for seed in (1, 2) if "max_num_batched_tokens" in SETTINGS[setting] else (1,):
        wanted = texts(write(open_llm(trio, speculate=0, **AMPLE), crowd(seed)))
        world, options = World(seed), SETTINGS[setting]
        with monkeypatch.context() as patch:
            put_on(world, patch)
            llm = open_llm(trio, proxies="grouped", **options)
            loaded = joins(world)
            assert texts(write(llm, crowd(seed))) == wanted
        assert joins(world) > loaded


@pytest.mark.parametrize("proxies", ["streams", "grouped"])
def test_a_step_of_decoding_runs_two_forwards_instead_of_three(
    trio, open_llm, plain_torch, monkeypatch, proxies: str
) -> None:
    """In one graph as before; what reads the prompts, and their unlike rows, stays apart."""
    world = World(0)
    put_on(world, monkeypatch)
    llm = open_llm(trio, speculate=0, proxies=proxies, **FEW)
    params = SamplingParams(temperature=0.0, max_tokens=9, ignore_eos=True)
    counts, before = world.counts.copy(), len(world.log)
    output = llm.generate([[5, 6, 7]], params, use_tqdm=False)[0].outputs[0]
    steps = output.base_passes
    wanted = {"down": steps, "replays": steps - 1, "up": steps, "waits": steps}
    assert world.counts - counts == wanted
    embeds = sum(name.startswith("embed") for name in world.log[before:])
    assert embeds == 3 + (steps - 1) * (3 if proxies == "streams" else 2)


def test_more_rows_than_one_tile_takes_run_as_streams(
    trio, open_llm, plain_torch, monkeypatch
) -> None:
    monkeypatch.setattr(pair, "MOST", 2)
    wanted = texts(write(open_llm(trio, speculate=0, **AMPLE), crowd(4)))
    world = World(4)
    put_on(world, monkeypatch)
    llm = open_llm(trio, speculate=0, proxies="grouped", **AMPLE)
    assert texts(write(llm, crowd(4))) == wanted
    names = [name.split(" (")[0] for name in world.log]
    assert 0 < names.count("join") < names.count("sample") - names.count("join")


@pytest.mark.parametrize("family", ["llama3", "qwen3", "llama-biased"])
def test_weights_lie_once_and_the_text_is_the_family_s(
    family: str, tmp_path, open_llm, plain_torch, monkeypatch
) -> None:
    """Heads tied to embeddings, heads that are normed, biases and weights in 8 bits."""
    trio = make_trio(tmp_path, family)
    if family == "llama-biased":
        for role in PROXIES:
            store(trio[role], "tensor")
    wanted = texts(write(open_llm(trio, speculate=0, **AMPLE), crowd(5, 3)))
    put_on(World(5), monkeypatch)
    loaded: list[Checkpoints] = []
    load = Checkpoints.load
    monkeypatch.setattr(Checkpoints, "load", lambda self, n: loaded.append(self) or load(self, n))
    llm = open_llm(trio, speculate=0, proxies="grouped", **AMPLE)
    assert texts(write(llm, crowd(5, 3))) == wanted
    decoders = llm._loaded.runner.decoders
    norms = [decoders[role].weights.norm for role in PROXIES]
    assert norms[0].untyped_storage().data_ptr() == norms[1].untyped_storage().data_ptr()
    assert decoders[Role.EXPERT].rotation is decoders[Role.ANTIEXPERT].rotation
    assert loaded[0].distinct_bytes() == loaded[0].read_bytes()


def test_a_folder_that_is_named_twice_lies_side_by_side_with_itself(
    trio, open_llm, plain_torch, monkeypatch
) -> None:
    """The fused row is then the base's, whatever alpha is."""
    folders = Trio({**trio, Role.ANTIEXPERT: trio[Role.EXPERT]})
    params = SamplingParams(temperature=0.0, max_tokens=9, alpha=1.7)
    base = open_llm(trio, speculate=0)
    wanted = base.generate([[5, 6, 7]], replace(params, alpha=0.0), use_tqdm=False)
    put_on(World(0), monkeypatch)
    llm = open_llm(folders, speculate=0, proxies="grouped", **FEW)
    got = llm.generate([[5, 6, 7]], params, use_tqdm=False)
    assert got[0].outputs[0].token_ids == wanted[0].outputs[0].token_ids


@pytest.mark.parametrize("faster", [False, True])
def test_auto_keeps_what_was_faster_while_loading(
    trio, open_llm, plain_torch, monkeypatch, faster: bool
) -> None:
    world, clock = World(0), iter(range(10**6))
    put_on(world, monkeypatch)

    def now() -> float:
        """Each second lap, of a step that runs as one, takes longer or less long."""
        tick = next(clock)
        return tick + (0.5 if tick % 4 == 3 else 0.0) * (-1 if faster else 1)

    monkeypatch.setattr(pair, "perf_counter", now)
    llm = open_llm(trio, speculate=0, proxies="auto", **FEW)
    loaded = joins(world)
    assert loaded >= pair.TIMED
    params = SamplingParams(temperature=0.0, max_tokens=9, ignore_eos=True)
    llm.generate([[5, 6, 7]], params, use_tqdm=False)
    assert (joins(world) > loaded) == faster


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"intermediate_size": 31}, "differ in intermediate_size: 29 and 31"),
        ({"vocab_size": 303}, "differ in vocab_size: 301 and 303"),
        ({"rope_parameters": {"rope_type": "default", "rope_theta": 500.0}}, "differ in rope: "),
        ({"attention_bias": True}, "differ in qkv_bias: False and True"),
    ],
)
def test_unlike_proxies_are_refused_by_name(
    trio, open_llm, plain_torch, monkeypatch, tmp_path, change: dict[str, Any], message: str
) -> None:
    small = {"hidden_size": 12, "intermediate_size": 29, "num_hidden_layers": 2, "head_dim": 6}
    make_model(tmp_path, "llama", seed=9, **(small | change))
    folders = Trio({**trio, Role.ANTIEXPERT: tmp_path})
    put_on(World(0), monkeypatch)
    with pytest.raises(ConfigError, match=f"proxies: got 'grouped' .* {message}"):
        open_llm(folders, proxies="grouped", **FEW)
    llm = open_llm(folders, proxies="auto", **FEW, **EAGER)
    assert llm._loaded.runner._pair is None


def test_one_in_8_bits_and_one_not_are_refused(trio, monkeypatch, tmp_path: Path) -> None:
    folders = make_trio(tmp_path)
    store(folders[Role.EXPERT], "tensor")
    put_on(World(0), monkeypatch)
    with pytest.raises(ConfigError, match="matrices in 8 bits: 14 and 0"):
        LLM(*folders.values(), device="cpu", proxies="grouped")


def test_where_there_is_nothing_to_group_it_is_refused(trio, monkeypatch) -> None:
    for folders, words in ((trio, "where the host computes"), ({Role.BASE: trio.base}, "")):
        with pytest.raises(ConfigError, match=f"proxies: got 'grouped' .*{words}"):
            LLM(*folders.values(), device="cpu", proxies="grouped")
    with pytest.raises(ConfigError, match="proxies: got 'both', want one of streams, grouped"):
        LLM(*trio.values(), device="cpu", proxies="both")
    put_on(World(0), monkeypatch)
    with pytest.raises(ConfigError, match="for a base alone, want 'streams' or 'auto'"):
        LLM(trio.base, device="cpu", proxies="grouped")
