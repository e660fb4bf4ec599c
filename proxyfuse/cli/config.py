"""`proxyfuse config`: where a C++ build finds headers and libraries."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer
from typer import Option

import proxyfuse
from proxyfuse.errors import ConfigError

NATIVE = Path(proxyfuse.__file__).parent / "native"  # what setup.py installs there


def config(
    cmake_dir: Annotated[
        bool, Option("--cmake-dir", help="For CMake: -Dproxyfuse_DIR of find_package(proxyfuse).")
    ] = False,
    include_dir: Annotated[
        bool, Option("--include-dir", help="Headers: the folder for a compiler's -I.")
    ] = False,
    library_dir: Annotated[
        bool, Option("--library-dir", help="Libraries: the folder for a linker's -L.")
    ] = False,
    pkg_config_dir: Annotated[
        bool, Option("--pkg-config-dir", help="For pkg-config: a folder of PKG_CONFIG_PATH.")
    ] = False,
) -> None:
    """Print where this copy keeps what C++ programs are built with, one line for each option."""
    folders = {
        "lib/cmake/proxyfuse": cmake_dir,
        "include": include_dir,
        "lib": library_dir,
        "lib/pkgconfig": pkg_config_dir,
    }
    asked = [folder for folder, wanted in folders.items() if wanted]
    if not asked:
        raise ConfigError("got no option, want --cmake-dir or another of those --help names")
    for folder in asked:
        typer.echo(_found(NATIVE / folder))


def _found(folder: Path) -> Path:
    if not folder.is_dir():
        raise ConfigError(
            f"{folder}: no such folder; this copy was installed without its C++ library, for which"
            " pip wants a compiler and a Python whose own library can be linked (python3-dev)"
        )
    return folder
