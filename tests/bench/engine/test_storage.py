"""A record tells in what type each role's weights lie on the disk."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

from bench.engine.storage import stored
from proxyfuse.trio import Role, Trio
from tests.stored_fp8 import AUTOFP8


def test_each_role_says_how_it_is_stored(small: Trio[Path], tmp_path: Path) -> None:
    assert stored(small) == dict.fromkeys(("base", "expert", "antiexpert"), "bfloat16")
    config = json.loads((small.base / "config.json").read_text())
    shutil.copy(small.base / "config.json", tmp_path)
    narrow = config | {"quantization_config": AUTOFP8}
    (tmp_path / "config.json").write_text(json.dumps(narrow))
    its = stored(Trio({role: small[role] for role in Role} | {Role.BASE: tmp_path}))
    base = "fp8, a scale for each tensor, else bfloat16"
    assert its == {"base": base, "expert": "bfloat16", "antiexpert": "bfloat16"}
