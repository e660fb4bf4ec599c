"""`proxyfuse bench`: checked before it is timed; one record for table, file and picture."""

import json
import shutil
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from typer.testing import Result

from proxyfuse import LLM, Score
from proxyfuse.cli.bench import subject
from proxyfuse.cli.bench.load import Load, workload
from proxyfuse.measure import ReadStream, kernels, sample
from proxyfuse.trio import Trio
from tests.cli.conftest import Call

SMALL = {
    "latency": ("--batch", "2", "--prompt-tokens", "5", "--prompt-tokens", "9", "--tokens", "4"),
    "throughput": (
        *("--concurrency", "1", "--concurrency", "3", "--requests", "2"),
        *("--prompt-tokens", "8", "--tokens", "3"),
    ),
    "kernels": ("--batch", "2", "--context", "20"),
}
QUICK = ("--device", "cpu", "--num-threads", "1", "--rounds", "2")
Bench = Callable[..., Result]


@pytest.fixture(autouse=True)
def _small(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(subject, "ReadStream", lambda device: ReadStream(device, 1 << 16))
    monkeypatch.setattr(sample, "SAMPLE", 1e-5)
    monkeypatch.setattr(kernels, "MOST_COPIES", 2)


@pytest.fixture
def bench(call: Call, options: list[str]) -> Bench:
    """bench(what, ...) over the tiny trio."""

    def bench(what: str, *words: str, models: list[str] | None = None) -> Result:
        return call("bench", what, *(models or options), *QUICK, *SMALL[what], *words)

    return bench


def record(result: Result) -> dict[str, Any]:
    assert result.exit_code == 0, result.output
    found: dict[str, Any] = json.loads(result.stdout)
    return found


def test_alone_it_shows_the_manual(call: Call) -> None:
    shown = call("bench").output
    assert all(what in shown for what in SMALL)


@pytest.mark.parametrize("what", SMALL)
def test_every_option_is_in_the_manual(call: Call, what: str) -> None:
    shown = call("bench", what, "--help").stdout
    for option in ("--base", "--speculate", "--rounds", "--json", "--plot", "--quiet"):
        assert option in shown
    assert "proxyfuse[bench]" in shown


@pytest.mark.parametrize("what", SMALL)
def test_table_file_and_picture(bench: Bench, tmp_path: Path, what: str) -> None:
    pytest.importorskip("matplotlib")
    file, picture = tmp_path / "out.json", tmp_path / "out.png"
    result = bench(what, "--json", str(file), "--plot", str(picture))
    assert result.exit_code == 0, result.output
    assert result.stderr == ""  # no bar where nobody looks
    found = json.loads(file.read_text())
    assert found["bench"] == what and found["machine"]["cores"] >= 1
    assert found["dtype"] in result.stdout
    assert picture.read_bytes().startswith(b"\x89PNG")


def test_latency_counts_floors_from_the_weights(bench: Bench) -> None:
    found = record(bench("latency", "--json", "-"))
    assert list(found["by_prompt"]) == ["5", "9"]
    ways = found["by_batch"]["2"]
    assert list(ways) == ["steered", "no drafts", "base alone"]
    assert ways["steered"]["floor_ms"]["median"] > ways["base alone"]["floor_ms"]["median"] > 0
    assert ways["base alone"]["tokens_per_base_pass"]["most"] == 1  # the expert drafts not for it
    for row in ways.values():
        assert row["ms_per_token"]["least"] <= row["ms_per_token"]["median"]
        assert row["ms_p99_between_arrivals"] >= row["ms_per_token"]["least"] / 2
    assert found["peak_memory_bytes"] > 1e6


@pytest.mark.parametrize("what", ["latency", "throughput"])
def test_without_drafts_there_is_no_column_for_it(bench: Bench, what: str) -> None:
    found = record(bench(what, "--json", "-", "--speculate", "0"))
    (by,) = (value for key, value in found.items() if key in ("by_batch", "by_concurrency"))
    assert all(list(ways) == ["steered", "base alone"] for ways in by.values())


@pytest.mark.parametrize("what", SMALL)
def test_the_base_alone_is_a_subject_too(bench: Bench, trio: Trio[Path], what: str) -> None:
    models = ["--base", str(trio.base)]
    assert "times the base alone" not in bench(what, models=models).stdout
    assert list(record(bench(what, "--json", "-", models=models))["models"]) == ["base"]


@pytest.mark.parametrize("what", ["latency", "throughput"])
def test_random_weights_need_no_files(
    bench: Bench, trio: Trio[Path], tmp_path: Path, what: str
) -> None:
    """The folders have a config.json alone; more than a name is refused before it is opened."""
    models = []
    for role, folder in trio.items():
        (tmp_path / role.label).mkdir()
        shutil.copy(folder / "config.json", tmp_path / role.label)
        models += [f"--{role.label}", str(tmp_path / role.label)]
    words = ("--load-format", "dummy")
    found = record(bench(what, "--json", "-", "--base-quantization", "fp8", *words, models=models))
    assert found["load_format"] == "dummy"
    refused = bench(what, "--load-format", "gguf", models=models)
    assert refused.exit_code != 0 and "load_format: got 'gguf', want one of" in refused.stderr
    assert bench(what, models=models).exit_code != 0


def test_throughput_serves_every_request(bench: Bench) -> None:
    found = record(bench("throughput", "--json", "-"))["by_concurrency"]
    assert list(found) == ["1", "3"]
    for row in found["3"].values():
        assert row["written_tokens"] >= 6
        assert 0 < row["request_ms"]["median"] <= row["request_ms"]["p99"]
    assert found["3"]["base alone"]["times_the_base"]["median"] == 1


def test_lengths_are_around_the_median_and_the_same_every_time() -> None:
    load = Load(prompt_tokens=100, tokens=10)

    class Ids:
        def prompts(self, count: int, length: int, seed: int) -> list[list[int]]:
            return [[seed] * length] * count

    ids: Any = Ids()
    first, second = (workload(ids, load, 400) for _ in range(2))
    assert first == second
    lengths = sorted(len(prompt) for prompt, _ in first)
    assert 80 < lengths[200] < 125 and lengths[-1] <= 400 and lengths[0] >= 1
    assert len(set(lengths)) > 100


def test_kernels_of_a_step_add_up(bench: Bench) -> None:
    parts = record(bench("kernels", "--json", "-"))["parts"]
    assert {part["what"] for part in parts} >= {"qkv", "attention", "head", "sampler"}
    for part in parts:
        ours = part["implementations"][part["best"]]["us"]["median"]
        assert part["step_ms"]["median"] == pytest.approx(ours * part["times"] / 1e3)


def test_models_need_no_tokenizer(bench: Bench, trio: Trio[Path], tmp_path: Path) -> None:
    models = []
    for role, folder in trio.items():
        bare = tmp_path / role.label
        bare.mkdir()
        for name in ("config.json", "model.safetensors"):
            (bare / name).write_bytes((folder / name).read_bytes())
        models += [f"--{role.label}", str(bare)]
    assert bench("latency", models=models).exit_code == 0


@pytest.mark.parametrize("what", ["latency", "throughput"])
def test_red_is_not_timed(bench: Bench, monkeypatch: pytest.MonkeyPatch, what: str) -> None:
    def wrong(
        self: LLM, prompts: list[Any], continuations: list[list[int]], **_: object
    ) -> list[Score]:
        return [Score(token_ids=ids, fused=[-99.0] * len(ids), base=[]) for ids in continuations]

    monkeypatch.setattr(LLM, "score", wrong)
    result = bench(what)
    assert result.exit_code == 2
    assert "nats apart when read back" in result.stderr
    assert result.stdout == ""


def test_drafts_that_change_a_text_are_not_timed(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    plainly = LLM.generate

    def bent(self: LLM, *given: Any, **more: Any) -> Any:
        outputs = plainly(self, *given, **more)
        if self._loaded.config.speculate == 0:
            outputs[0].outputs[0].token_ids[-1] ^= 1
        return outputs

    monkeypatch.setattr(LLM, "generate", bent)
    result = bench("latency")
    assert (result.exit_code, result.stdout) == (2, "")
    assert "want the same texts" in result.stderr


def test_what_cannot_be_written_is_said_before_anything_runs(
    bench: Bench, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    result = bench("latency", "--json", str(tmp_path / "no" / "such" / "x.json"))
    assert (result.exit_code, result.stdout) == (2, "")
    assert "want a file in a folder that exists" in result.stderr
    monkeypatch.setitem(sys.modules, "matplotlib.figure", None)
    result = bench("kernels", "--plot", str(tmp_path / "x.png"))
    assert (result.exit_code, result.stdout) == (2, "")
    assert "want pip install 'proxyfuse[bench]'" in result.stderr
