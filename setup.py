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
            "-DCMAKE_INSTALL_LIBDIR=lib",
            f"-DCMAKE_LIBRARY_OUTPUT_DIRECTORY={place}",
            f"-DPython_EXECUTABLE={sys.executable}",
            "-DCMAKE_BUILD_TYPE=Release",
            "-DPROXYFUSE_CUDA=OFF",  # of no use to Python, and an install waits for no nvcc
        ]
        try:
            subprocess.run(["cmake", "-S", ROOT, "-B", build, *configure], check=True)
            make = ["cmake", "--build", build, "--parallel"]
            subprocess.run([*make, "--target", "_cpu"], check=True)
            self._for_programs(build, make)
        except (OSError, subprocess.CalledProcessError) as error:
            # The extension is optional: setuptools reports this error and goes on without it.
            raise CompileError(f"no compiled kernels, plain ones will run: {error}") from error

    def _for_programs(self, build: Path, make: list[str | Path]) -> None:
        """Headers and libraries for C++ programs, inside the package; it is whole without them."""
        package = self.get_finalized_command("build_py").get_package_dir("proxyfuse")
        home = ROOT / package if self.editable_mode else Path(self.build_lib, "proxyfuse")
        install = ["cmake", "--install", build, "--prefix", home.resolve() / "native"]
        try:
            subprocess.run(make, check=True)
            for part in ("engine", "sampler"):
                subprocess.run([*install, "--component", part], check=True)
        except subprocess.CalledProcessError as error:
            self.warn(f"no libraries for C++ programs: {error}")


setup(
    ext_modules=[Extension("proxyfuse_kernels._cpu", sources=[], optional=True)],
    cmdclass={"build_ext": CMakeBuild},
)
