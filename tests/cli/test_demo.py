"""`proxyfuse demo` shows what steering does, with the models that come along."""

import json
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from proxyfuse.cli import app, demo
from proxyfuse.demo.figures import WAYS
from tests.cli.conftest import Call


@pytest.fixture(scope="module")
def record() -> dict[str, Any]:
    """The numbers of one small run at alpha 1."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(demo, "QUICK_SUMS", 8)
        result = CliRunner().invoke(app, ["demo", "--quick", "--alpha", "1", "--json"])
    assert result.exit_code == 0, result.output
    return dict(json.loads(result.stdout))


def test_the_steered_base_adds_where_the_base_cannot(record: dict[str, Any]) -> None:
    sums = record["figures"][0]
    assert sums["items"] == 8
    assert sums["proxied"] >= 0.5 + sums["base"]


def test_every_row_has_every_way_and_the_asked_alpha(record: dict[str, Any]) -> None:
    assert len(record["figures"]) == 3
    for row in record["figures"]:
        assert row["alpha"] == 1.0
        assert (row["gap_closed"] is None) == (row["no_gap"] is not None)
        assert all(row[way] >= 0 for way in WAYS)
    assert all(0 < row["base"] < 8 for row in record["figures"][1:]), "nats, below uniform"


def test_the_text_of_every_way_is_reported(record: dict[str, Any]) -> None:
    assert all(one[way] for one in record["sums"] + record["code"] for way in WAYS)


def test_where_is_a_folder_of_models_that_generate_takes(call: Call) -> None:
    printed = call("demo", "--where").stdout
    folder = Path(printed.removesuffix("\n"))
    roles = ("base", "expert", "antiexpert")
    models = [part for role in roles for part in (f"--{role}", str(folder / role))]
    asked = ("-p", "Q: 12 + 34 = ?\nA:", "--temperature", "0", "--device", "cpu")
    result = call("generate", *models, *asked)
    assert result.exit_code == 0
    assert (folder / "tuned" / "model.safetensors").is_file()
    assert result.stdout.strip()
