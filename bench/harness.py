"""Where results go: results/<machine>/<date>-<time>-<commit>-<bench>.json, and the same line last.

PROXYFUSE_RESULTS=FOLDER is another place for them. PROXYFUSE_COMMIT is the commit where git, or
what it knows of the tree, was left behind.
"""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from proxyfuse.measure import machine, machine_name

COMMIT = "PROXYFUSE_COMMIT"
BUILDS = "PROXYFUSE_BUILDS"  # names a folder of one run, whose steps build what they share once
RESULTS = Path(os.environ.get("PROXYFUSE_RESULTS") or Path(__file__).parent / "results")


def save(
    name: str,
    command: str,
    figures: dict[str, Any],
    results: Path = RESULTS,
    *,
    path: Path | None = None,
) -> Path:
    """Write the record with its command, commit, date and machine; print it as the last line.

    path: the file that an earlier call returned, to be replaced by a record that holds more.
    """
    about, commit = machine(), _commit()
    now = datetime.now(UTC)
    record = {
        "bench": name,
        "command": command,
        "commit": commit,
        "date": now.isoformat(timespec="seconds"),
        "machine": about,
        **figures,
    }
    if path is None:
        path = (
            results / machine_name(about) / f"{now:%Y-%m-%d-%H%M}-{_in_names(commit)}-{name}.json"
        )
    path.parent.mkdir(parents=True, exist_ok=True)
    fresh = path.with_suffix(".part")  # whoever is ended while writing leaves the record before
    fresh.write_text(json.dumps(record, indent=2) + "\n", encoding="utf-8")
    fresh.replace(path)
    print(json.dumps(record))
    return path


def _in_names(commit: str) -> str:
    """With characters that every place lets through which files are brought back from."""
    return re.sub(r"[^A-Za-z0-9._-]", "-", commit.replace("+", "-dirty"))


def _commit() -> str:
    """The short hash, with a + where files differ from it.

    Where git does not say, what the environment does, or "unknown".
    """
    told = os.environ.get(COMMIT) or "unknown"
    if shutil.which("git") is None:
        return told
    git = ["git", "-C", str(Path(__file__).parent)]
    head = subprocess.run([*git, "rev-parse", "--short", "HEAD"], capture_output=True, text=True)
    dirty = subprocess.run(
        [*git, "status", "--porcelain", "--untracked-files=no"], capture_output=True, text=True
    )
    return (head.stdout.strip() or told) + ("+" if dirty.stdout.strip() else "")
