"""Who passed the gate, here or in an earlier step of one run of `make gpu`.

A step of that run is a process of its own, and most of them open the same engines over the same two
layers. One tree is what the whole run has, so who passed in one step need not pass again in the
next: a file in the run's own folder says who did, over what. It goes away with the run.
"""

from __future__ import annotations

import json
import os
from dataclasses import dataclass, field
from pathlib import Path

from bench.harness import BUILDS
from bench.peers.peer import Peer
from proxyfuse.trio import Trio

HERE = "here"


@dataclass(frozen=True)
class Passed:
    """Gates that were passed, in a file that the steps of one run share, if there is one."""

    file: Path | None = None
    command: str = HERE  # of this process, for who reads the file
    told: dict[str, str] = field(default_factory=dict)  # where each peer passed, by its name

    def known(self, peer: Peer, folders: Trio[Path], device: str) -> bool:
        """Whether an earlier step has seen it pass; the record then says which."""
        found = self._read().get(_what(peer, folders, device))
        if found is not None:
            self.told[peer.name] = found
        return found is not None

    def add(self, peer: Peer, folders: Trio[Path], device: str) -> None:
        """It has just passed."""
        self.told[peer.name] = HERE
        if self.file is not None:
            known = self._read() | {_what(peer, folders, device): self.command}
            self.file.parent.mkdir(parents=True, exist_ok=True)
            self.file.write_text(json.dumps(known, indent=2), encoding="utf-8")

    def _read(self) -> dict[str, str]:
        if self.file is None or not self.file.exists():
            return {}
        known: dict[str, str] = json.loads(self.file.read_text(encoding="utf-8"))
        return known


def _what(peer: Peer, folders: Trio[Path], device: str) -> str:
    at = [str(folder) for folder in folders.only(peer.roles).values()]
    return json.dumps([peer.name, peer.dtype, device, at])


def shared(scratch: Path | None, device: str, command: str) -> Passed:
    """On a GPU the file of the run whose folder `scratch` is; elsewhere nothing is known before.

    A scratch folder of somebody's own may outlive the code that passed.
    """
    if scratch is None or str(scratch) != os.environ.get(BUILDS) or device != "cuda":
        return Passed()
    return Passed(scratch / "passed.json", command)
