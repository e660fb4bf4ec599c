"""Everything of libproxyfuse but Python, under ThreadSanitizer and AddressSanitizer.

The backend is a fake of tests/embed/fake: with torch loaded no sanitizer has anything to say.
"""

from __future__ import annotations

import os
import shutil
import subprocess
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
    run("cmake", "-S", FAKE, "-B", tmp_path, f"-DSANITIZE={sanitizer}", *ninja)
    run("cmake", "--build", tmp_path, "--parallel", str(min(2, os.cpu_count() or 1)))
    run("ctest", "--test-dir", tmp_path, "--output-on-failure", TSAN_OPTIONS="halt_on_error=1")
