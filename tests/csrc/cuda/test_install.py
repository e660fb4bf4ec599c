"""proxyfuse::sampler_cuda built by nvcc, installed, and found by a program outside the tree."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import pytest

from tests.csrc.cuda.conftest import HERE, ROOT, run

NEEDED = ("nvcc", "cmake", "ninja", "g++")


@pytest.mark.skipif(not all(map(shutil.which, NEEDED)), reason=f"needs {', '.join(NEEDED)}")
def test_a_program_finds_the_library_where_it_is_installed(tmp_path: Path) -> None:
    tree, prefix, program = (tmp_path / name for name in ("built", "prefix", "program"))
    chosen = ("-DPROXYFUSE_PYTHON=OFF", "-DPROXYFUSE_CUDA=ON", "-DCMAKE_CUDA_ARCHITECTURES=80-real")
    run("cmake", "-S", ROOT, "-B", tree, "-GNinja", *chosen)
    run("cmake", "--build", tree, "--parallel", "2", "--target", "proxyfuse_sampler_cuda")
    run("cmake", "--install", tree, "--component", "sampler_cuda", "--prefix", prefix)
    found = f"-DCMAKE_PREFIX_PATH={prefix}"
    run("cmake", "-S", HERE / "outside", "-B", program, "-GNinja", found)
    run("cmake", "--build", program)
    done = subprocess.run([program / "service"], capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "GPU" in done.stdout


@pytest.mark.skipif(not all(map(shutil.which, ("cmake", "g++"))), reason="needs cmake, g++")
def test_a_plain_build_has_it_where_there_is_nvcc(tmp_path: Path) -> None:
    configure = ["cmake", "-S", ROOT, "-B", tmp_path, "-DPROXYFUSE_PYTHON=OFF"]
    done = subprocess.run(configure, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    left_out = "proxyfuse::sampler_cuda is left out: there is no nvcc" in done.stdout
    assert left_out == (shutil.which("nvcc") is None)


@pytest.mark.skipif(shutil.which("cmake") is None, reason="needs cmake")
def test_without_nvcc_it_is_left_out_or_refused(tmp_path: Path) -> None:
    recipe = ROOT / "cmake/cuda.cmake"
    script = tmp_path / "script.cmake"
    for wish, code in (("AUTO", 0), ("ON", 1)):
        absent = "macro(check_language language)\nendmacro()\n"
        lines = [line for line in recipe.read_text().splitlines() if "include(" not in line]
        script.write_text(f"{absent}set(PROXYFUSE_CUDA {wish})\n" + "\n".join(lines))
        done = subprocess.run(["cmake", "-P", script], capture_output=True, text=True)
        assert done.returncode == code, done.stderr
        assert "nvcc" in done.stdout + done.stderr
