"""Where results go: results/<machine>/<date>-<time>-<commit>-<bench>.json, and the same line last.

PROXYFUSE_RESULTS=FOLDER is another place for them.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from proxyfuse.measure import machine, machine_name

BUILDS = "PROXYFUSE_BUILDS"  # names a folder of one run, whose steps build what they share once
RESULTS = Path(os.environ.get("PROXYFUSE_RESULTS") or Path(__file__).parent / "results")


def save(name: str, command: str, figures: dict[str, Any], results: Path = RESULTS) -> Path:
    """Write the record with its command, commit, date and machine; print it as the last line."""
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
    folder = results / machine_name(about)
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / f"{now:%Y-%m-%d-%H%M}-{commit}-{name}.json"
    path.write_text(json.dumps(record, indent=2) + "\n", encoding="utf-8")
    print(json.dumps(record))
    return path


def _commit() -> str:
    """The short hash, with a + where files differ from it; "unknown" where git does not say."""
    if shutil.which("git") is None:
        return "unknown"
    git = ["git", "-C", str(Path(__file__).parent)]
    head = subprocess.run([*git, "rev-parse", "--short", "HEAD"], capture_output=True, text=True)
    dirty = subprocess.run(
        [*git, "status", "--porcelain", "--untracked-files=no"], capture_output=True, text=True
    )
    return (head.stdout.strip() or "unknown") + ("+" if dirty.stdout.strip() else "")
