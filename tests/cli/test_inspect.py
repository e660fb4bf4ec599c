"""`proxyfuse inspect` says whether models fit, from their files alone."""

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from transformers import AutoConfig, AutoModelForCausalLM

from proxyfuse.config import EngineConfig
from proxyfuse.engine import load
from proxyfuse.models.config import read_config
from proxyfuse.trio import Role, Trio
from tests.cli.conftest import Call
from tests.stored_fp8 import compressed, store, weights_of
from tests.tiny import make_model

Report = Callable[..., tuple[dict[str, Any], int]]


@pytest.fixture
def report(call: Call, options: list[str]) -> Report:
    """The JSON report with some folders replaced, and the exit code."""

    def report(**folders: Path) -> tuple[dict[str, Any], int]:
        changed = [part for role, at in folders.items() for part in (f"--{role}", str(at))]
        result = call("inspect", "--json", *options, *changed)
        return json.loads(result.stdout), result.exit_code

    return report


def test_a_trio_that_fits(report: Report, trio: Trio[Path]) -> None:
    found, code = report()
    assert (code, found["fits"], found["reasons"]) == (0, True, [])
    for role, folder in trio.items():
        model = AutoModelForCausalLM.from_pretrained(folder)
        config = AutoConfig.from_pretrained(folder)
        facts = found["models"][role.label]
        assert facts["parameters"] == model.num_parameters()
        assert facts["weights_bytes"] == 4 * model.num_parameters()
        keys = config.num_hidden_layers * config.num_key_value_heads * config.head_dim
        assert facts["kv_bytes_per_token"] == 2 * 4 * keys
        assert facts["chat_template"] is (role is Role.EXPERT)
    assert found["weights_bytes"] == sum(m["weights_bytes"] for m in found["models"].values())


def test_a_base_in_8_bits_is_counted_as_such(
    call: Call, options: list[str], trio: Trio[Path]
) -> None:
    words = ("inspect", "--json", *options, "--dtype", "bfloat16")
    plain = json.loads(call(*words).stdout)
    found = json.loads(call(*words, "--base-quantization", "fp8").stdout)
    base, wide = found["models"]["base"], plain["models"]["base"]
    model = AutoModelForCausalLM.from_pretrained(trio.base)
    sizes = [p.shape for name, p in model.named_parameters() if "_proj.weight" in name]
    saved = sum(outputs * inputs - 4 * outputs for outputs, inputs in sizes)
    assert wide["weights_bytes"] - base["weights_bytes"] == saved
    assert plain["weights_bytes"] - found["weights_bytes"] == saved
    assert (base["parameters"], base["kept_in"]) == (wide["parameters"], "fp8")
    assert found["models"]["expert"] == plain["models"]["expert"]


def test_one_folder_kept_in_two_ways_counts_twice(call: Call, trio: Trio[Path]) -> None:
    same = [part for role in trio for part in (f"--{role.label}", str(trio.base))]
    found = json.loads(call("inspect", "--json", *same, "--base-quantization", "fp8").stdout)
    models = found["models"]
    each = [models[role]["weights_bytes"] for role in ("base", "expert")]
    assert found["weights_bytes"] == sum(each) and each[0] < each[1]


@pytest.mark.parametrize("option", [(), ("--base-quantization", "fp8")])
def test_checkpoints_in_fp8_are_counted_as_they_are(
    option: tuple[str, ...], call: Call, options: list[str], trio: Trio[Path], tmp_path: Path
) -> None:
    """Of all roles, at one byte a weight and four a scale, whatever type the rest is run in."""
    words = ("inspect", "--json", "--dtype", "bfloat16", *option)
    model = AutoModelForCausalLM.from_pretrained(trio.base)
    folder = tmp_path / "stored"
    shutil.copytree(trio.base, folder)
    wide = "model.layers.0.mlp.down_proj.weight"
    store(folder, wide=[wide])
    same = [part for role in trio for part in (f"--{role.label}", str(folder))]
    found = json.loads(call(*words, *same).stdout)
    named = dict(model.named_parameters())
    narrow = [w.shape for name, w in named.items() if "_proj.weight" in name and name != wide]
    want = 2 * model.num_parameters() - sum(outputs * inputs for outputs, inputs in narrow)
    want += 4 * sum(outputs for outputs, _ in narrow)
    assert found["fits"] and found["weights_bytes"] == want
    for facts in found["models"].values():
        assert (facts["weights_bytes"], facts["parameters"]) == (want, model.num_parameters())
        assert (facts["stored_as"], facts["kept_in"]) == ("fp8, a scale per channel", "fp8")


def test_a_checkpoint_in_another_8_bits_is_a_reason(
    report: Report, trio: Trio[Path], tmp_path: Path
) -> None:
    folder = tmp_path / "blocks"
    shutil.copytree(trio.base, folder)
    store(folder, said=compressed(weights_of("block")))
    found, code = report(base=folder)
    assert code == 1
    assert "strategy: got 'block', want one of channel, tensor" in found["reasons"][0]


def test_an_unknown_quantisation_is_refused(call: Call, options: list[str]) -> None:
    result = call("inspect", *options, "--base-quantization", "int3")
    assert result.exit_code == 2
    assert "base_quantization: got 'int3', want fp8, or None" in result.stdout + result.stderr


def test_people_get_a_table_and_a_verdict(call: Call, options: list[str]) -> None:
    result = call("inspect", *options, "--memory", "1")
    assert result.exit_code == 0
    assert "LlamaForCausalLM" in result.stdout
    assert "1.00 GiB free hold about" in result.stdout
    assert "Yes: these models fit together." in result.stdout


def test_a_gpu_s_buffers_are_counted_as_the_engine_counts_them(
    report: Report, call: Call, options: list[str], trio: Trio[Path]
) -> None:
    on_gpu = Trio(dict.fromkeys(trio, torch.device("cuda")))
    models = trio.map(read_config)
    want = load._buffers(EngineConfig(), models, torch.float32, 256, on_gpu)
    found, _ = report()
    assert found["gpu_buffers_bytes"] == sum(want.values())

    def plan(size: int) -> tuple[int, str]:
        result = call("inspect", *options, "--memory", repr(size / 2**30))
        return result.exit_code, " ".join(result.stdout.split())

    need = sum(want.values()) + found["weights_bytes"]
    code, said = plan(need + 7 * found["kv_bytes_per_token"])
    assert code == 0 and "hold about 7 tokens" in said
    code, said = plan(need - 4)
    assert code == 1 and "4 B are missing" in said


def test_memory_that_is_too_small_is_a_reason(call: Call, options: list[str]) -> None:
    result = call("inspect", *options, "--memory", "0.0000001")
    assert result.exit_code == 1
    assert "No: memory: the weights take 208.78 KiB, buffers" in result.stdout
    assert "got 107 B" in result.stdout
    assert "are missing" in result.stdout


def test_what_differs_and_does_no_harm_is_noted(report: Report, tmp_path: Path) -> None:
    make_model(tmp_path, chat=True, vocab_size=320, max_position_embeddings=128)
    found, code = report(base=tmp_path)
    assert code == 0
    assert any("rows from 301 on are masked" in note for note in found["notes"])
    assert any("the base's 128 tokens hold" in note for note in found["notes"])
    assert any("chat templates: base, expert; " in note for note in found["notes"])


def test_another_vocabulary_is_a_reason(report: Report, trio: Trio[Path], tmp_path: Path) -> None:
    folder = tmp_path / "other"
    shutil.copytree(trio[Role.EXPERT], folder)
    file = folder / "tokenizer.json"
    file.write_text(file.read_text().replace('"</s>"', '"<end>"'))
    settings = folder / "tokenizer_config.json"
    settings.write_text(settings.read_text().replace('"</s>"', '"<end>"'))
    found, code = report(expert=folder)
    assert (code, found["fits"]) == (1, False)
    assert "id 0: base '</s>', expert '<end>', antiexpert '</s>'" in found["reasons"][0]


def test_every_bad_folder_is_a_reason(report: Report, trio: Trio[Path], tmp_path: Path) -> None:
    empty, torn = tmp_path / "empty", tmp_path / "torn"
    empty.mkdir()
    shutil.copytree(trio.base, torn)
    (torn / "tokenizer.json").write_text("{")
    found, code = report(base=empty, expert=torn)
    assert code == 1
    assert [reason.split(":")[0] for reason in found["reasons"]] == ["base", "expert"]
    assert list(found["models"]) == ["antiexpert"]


def test_a_base_alone_is_inspected(call: Call, trio: Trio[Path]) -> None:
    assert call("inspect", "--base", str(trio.base)).exit_code == 0
    lone = call("inspect", "--base", str(trio.base), "--expert", str(trio[Role.EXPERT]))
    assert lone.exit_code == 2
    assert "want both or none" in lone.stderr


@pytest.mark.parametrize("memory", ["nan", "inf", "-1"])
def test_memory_that_is_no_amount_is_refused(call: Call, options: list[str], memory: str) -> None:
    result = call("inspect", *options, "--memory", memory)
    assert result.exit_code == 2
    assert result.stderr.startswith("proxyfuse: --memory: got ")
