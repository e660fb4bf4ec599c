"""Builds the compiled kernels with CMake; without a compiler, installs without them."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

from setuptools import Extension, setup
from setuptools.command.build_ext import build_ext
from setuptools.errors import CompileError

ROOT = Path(__file__).parent.resolve()


class CMakeBuild(build_ext):
    """Configures and builds CMakeLists.txt; its library lands where setuptools wants the module."""

    def build_extension(self, ext: Extension) -> None:
        place = Path(self.get_ext_fullpath(ext.name)).resolve().parent
        build = Path(self.build_temp).resolve() / ext.name
        configure = [
            f"-DCMAKE_LIBRARY_OUTPUT_DIRECTORY={place}",
            f"-DPython_EXECUTABLE={sys.executable}",
            "-DCMAKE_BUILD_TYPE=Release",
        ]
        try:
            subprocess.run(["cmake", "-S", ROOT, "-B", build, *configure], check=True)
            subprocess.run(["cmake", "--build", build, "--parallel"], check=True)
        except (OSError, subprocess.CalledProcessError) as error:
            # The extension is optional: setuptools reports this error and goes on without it.
            raise CompileError(f"no compiled kernels, plain ones will run: {error}") from error


setup(
    ext_modules=[Extension("proxyfuse_kernels._cpu", sources=[], optional=True)],
    cmdclass={"build_ext": CMakeBuild},
)
