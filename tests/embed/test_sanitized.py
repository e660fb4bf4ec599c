"""All of libproxyfuse under ThreadSanitizer and AddressSanitizer, but not the engine in Python.

The backend is a fake of tests/embed/fake; and then the real one, over a real interpreter and the
package in tests/embed/stub, as loading torch under a sanitizer takes longer than all of this.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

FAKE = Path(__file__).parent / "fake"


def run(*words: str | Path, **environment: str) -> None:
    done = subprocess.run(
        [str(word) for word in words],
        capture_output=True,
        text=True,
        env=os.environ | environment,
    )
    assert done.returncode == 0, done.stdout[-6000:] + done.stderr[-6000:]


@pytest.mark.parametrize("sanitizer", ["thread", "address,undefined"])
def test_nothing_is_found(sanitizer: str, tmp_path: Path) -> None:
    if shutil.which("cmake") is None or shutil.which("c++") is None:
        pytest.skip("needs cmake and a C++ compiler")
    ninja = ["-GNinja"] if shutil.which("ninja") else []
    python = f"-DPython_EXECUTABLE={sys.executable}"
    run("cmake", "-S", FAKE, "-B", tmp_path, f"-DSANITIZE={sanitizer}", python, *ninja)
    run("cmake", "--build", tmp_path, "--parallel", str(min(2, os.cpu_count() or 1)))
    settings = {"TSAN_OPTIONS": "halt_on_error=1", "PROXYFUSE_VENV": sys.prefix}
    run("ctest", "--test-dir", tmp_path, "--output-on-failure", **settings)
