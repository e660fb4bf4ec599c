"""An engine over weights that are drawn writes what one over the same weights in files writes."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

import pytest

from proxyfuse import LLM, SamplingParams
from proxyfuse.errors import ConfigError, ModelError, TokenizerError, WeightsError
from proxyfuse.models import folder as models_folder
from proxyfuse.trio import PROXIES, Role, Trio
from tests.drawn import bare_trio, save_drawn
from tests.engine.crowd import texts
from tests.engine.test_fp8 import requests
from tests.engine.test_oracle import check
from tests.engine.test_streams import AMPLE, crowd, write
from tests.fake.device import World
from tests.fake.engine import put_on

LOUD: dict[str, Any] = {"initializer_range": 0.3}  # at which no token always wins
SHAPES: dict[str, Any] = {"base": LOUD, "proxy": LOUD}
DUMMY = {"load_format": "dummy"}


def saved_trio(folders: Trio[Path], to: Path, base: str | None = None) -> Trio[Path]:
    kept = {Role.BASE: base}
    return Trio(
        {
            role: save_drawn(folder, role, to / role.label, kept.get(role))
            for role, folder in folders.items()
        }
    )


@pytest.mark.parametrize("family", ["llama3", "llama-biased", "mistral", "qwen2-yarn", "qwen3"])
@pytest.mark.parametrize("kept", [None, "fp8"])
def test_the_text_is_that_of_the_same_weights_in_files(
    family: str, kept: str | None, tmp_path: Path, open_llm
) -> None:
    """Also of the plain engine: names and places agree, and so do the bytes that are counted."""
    folders = bare_trio(tmp_path / "bare", family, **SHAPES)
    saved = saved_trio(folders, tmp_path / "saved", kept)
    asked = requests(1, 6)
    drawn = open_llm(folders, base_quantization=kept, **DUMMY, **AMPLE)
    stored = open_llm(saved, **AMPLE)
    outputs = drawn.generate(*asked, use_tqdm=False)
    assert texts(outputs) == texts(stored.generate(*asked, use_tqdm=False))
    for prompt, params, output in zip(*asked, outputs, strict=True):
        check(drawn, prompt, params, output)
    written = [one.token_ids for output in outputs for one in output.outputs]
    assert len({token for ids in written for token in ids}) > 9, "no token always wins"


def test_drafts_and_two_proxies_as_one_leave_the_text_alone(
    tmp_path: Path, open_llm, plain_torch, monkeypatch: pytest.MonkeyPatch
) -> None:
    folders = bare_trio(tmp_path, "qwen3", **SHAPES)
    wanted = texts(write(open_llm(folders, speculate=0, **DUMMY, **AMPLE), crowd(2)))
    assert texts(write(open_llm(folders, speculate=3, **DUMMY, **AMPLE), crowd(2))) == wanted
    for options in ({}, {"proxy_device": "cpu:1"}):
        with monkeypatch.context() as patch:
            put_on(World(0), patch)
            llm = open_llm(folders, speculate=0, proxies="grouped", **DUMMY, **AMPLE, **options)
            assert texts(write(llm, crowd(2))) == wanted


def test_a_folder_that_is_named_for_both_proxies_is_drawn_twice(tmp_path: Path, open_llm) -> None:
    folders = bare_trio(tmp_path)
    same = Trio({**folders, Role.ANTIEXPERT: folders[Role.EXPERT]})
    weights = [
        open_llm(same, **DUMMY)._loaded.runner.decoders[role].weights.embedding for role in PROXIES
    ]
    assert not weights[0].equal(weights[1])


def test_a_config_alone_does_without_text(tmp_path: Path) -> None:
    folders = bare_trio(tmp_path)
    for folder in folders.values():
        for file in folder.glob("*"):
            if file.name != "config.json":
                file.unlink()
    options: dict[str, Any] = {"device": "cpu", "kv_cache_bytes": 1 << 20, **DUMMY}
    with LLM(*folders.values(), skip_tokenizer_init=True, **options) as llm:
        asked = SamplingParams(max_tokens=5, ignore_eos=True, logprobs=1)
        (written,) = llm.generate([[5, 6, 7]], asked, use_tqdm=False)
        assert len(written.outputs[0].token_ids) == 5
    with pytest.raises(TokenizerError):
        LLM(*folders.values(), **options)
    with pytest.raises(WeightsError, match=r"want model\.safetensors"):
        LLM(*folders.values(), skip_tokenizer_init=True, device="cpu")
    (folders.base / "config.json").unlink()
    with pytest.raises(ModelError, match=r"config\.json: no such file"):
        LLM(*folders.values(), skip_tokenizer_init=True, **options)


def test_no_weights_are_downloaded_for_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folders, asked = bare_trio(tmp_path), []

    def snapshot(name: str, *, allow_patterns: list[str], **_: Any) -> str:
        asked.extend(allow_patterns)
        return str(shutil.copytree(folders.base, tmp_path / "copy"))

    monkeypatch.setattr(models_folder, "snapshot_download", snapshot)
    LLM("team/model", device="cpu", kv_cache_bytes=1 << 20, **DUMMY).close()
    assert "*.json" in asked and not any("safetensors" in pattern for pattern in asked)


def test_another_word_is_refused() -> None:
    with pytest.raises(ConfigError, match="load_format: got 'gguf', want one of auto, dummy"):
        LLM("no folder", load_format="gguf")
