"""The JSON record of a trained trio: how it was made and what it scores."""

from __future__ import annotations

import importlib.metadata
import platform
from collections.abc import Iterable
from pathlib import Path

import torch
from safetensors import safe_open

from .corpus import PACKAGES
from .evaluate import evaluate
from .judge import ROLES
from .overlap import overlap
from .trainer import Stage

_IMPORT_TO_PROJECT = {"PIL": "pillow", "_pytest": "pytest"}


def report(stages: Iterable[Stage], out: Path, folder: Path) -> dict[str, object]:
    """Everything that docs/findings/demo-trio.md quotes."""
    return {
        "machine": f"2 cores AMD EPYC, {torch.get_num_threads()} threads, shared with other work",
        "command": "python examples/train_demo.py --out DIR",
        "python": platform.python_version(),
        "packages": dict(_versions()),
        "training": {stage.name: _training(stage, out) for stage in stages},
        "parameters": {name: _parameters(folder / name) for name in ROLES},
        "megabytes": round(sum(f.stat().st_size for f in folder.rglob("*.*")) / 1e6, 2),
        "share_of_held_out_8_word_runs_seen_in_training": overlap(out),
        **evaluate(folder),
    }


def _versions() -> Iterable[tuple[str, str]]:
    for name in (*PACKAGES, "tokenizers"):
        project = _IMPORT_TO_PROJECT.get(name, name)
        try:
            yield project, importlib.metadata.version(project)
        except importlib.metadata.PackageNotFoundError:
            yield project, "absent"


def _training(stage: Stage, out: Path) -> dict[str, object]:
    saved = torch.load(out / f"{stage.name}.pt")
    return {
        "from": stage.start or "scratch",
        "teacher": stage.teacher,
        "beside": stage.steered,
        "mix": dict(stage.mix),
        "steps": stage.steps,
        "tokens": stage.tokens,
        "seconds": round(saved["seconds"]),
    }


def _parameters(folder: Path) -> int:
    with safe_open(folder / "model.safetensors", "pt") as file:
        return sum(file.get_tensor(name).numel() for name in file.keys())  # noqa: SIM118
