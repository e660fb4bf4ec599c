"""The libraries that torch's CUDA build wants of NVIDIA's: the driver in `driver/`, and stubs.

libcudart.so.13 is the pretended driver, and libcuda.so.1 another name for it. Every other library
that torch names has the functions that torch calls, which say that all went well and do nothing.
Which these are is read from torch's own libraries.
"""

from __future__ import annotations

import re
import subprocess
from collections import defaultdict
from collections.abc import Iterable, Sequence
from pathlib import Path

DRIVER = Path(__file__).parent / "driver"
RUNTIME, ALSO = "libcudart.so.13", "libcuda.so.1"
FLAGS = ("-std=c++20", "-O1", "-g1", "-fPIC", "-shared", "-Wall", "-Wextra", "-Werror")
NEEDED = re.compile(r"NEEDED.*\[(lib(?:cu|nccl|nvrtc|nvshmem)\w*\.so\.\d+)\]")

# Whose a name is that says it not itself, as `name@libcublas.so.13` does: the first that fits.
PREFIXES = {
    "nccl": "libnccl.so.2",
    "nvshmem": "libnvshmem_host.so.3",
    "cusparseLt": "libcusparseLt.so.0",
    "cuFile": "libcufile.so.0",
    "curand": "libcurand.so.10",
    "cu": RUNTIME,
}
# Functions that must answer more than 0.
HANDLES = ("cublasCreate_v2", "cublasLtCreate", "cudnnCreate", "cusolverDnCreate", "cusparseCreate")
ANSWERS = {
    **{name: f"int {name}(void **made) {{ *made = (void *)16; return 0; }}" for name in HANDLES},
    "cublasGetProperty": "int cublasGetProperty(int, int *value) { *value = 13; return 0; }",
    "cublasLtGetVersion": "unsigned long cublasLtGetVersion() { return 130000; }",
    "cudnnGetVersion": "unsigned long cudnnGetVersion() { return 91300; }",
    "cublasLtMatmulAlgoGetHeuristic": "int cublasLtMatmulAlgoGetHeuristic(void *, void *, void *,"
    " void *, void *, void *, void *, int, void *result, int *found)"
    " { __builtin_memset(result, 0, 64); *found = 1; return 0; }",
}
NOT_SUPPORTED = 801


def build(torch: Path, headers: Path, into: Path) -> None:
    """torch: the folder of its libraries; headers: CUDA's, of the version torch was built with.

    What is newer than its sources is left as it is.
    """
    newest = max(file.stat().st_mtime for file in (*DRIVER.iterdir(), Path(__file__)))
    last = into / ALSO
    if last.exists() and last.stat().st_mtime > newest:
        return
    into.mkdir(parents=True, exist_ok=True)
    for library, names in wanted(torch.glob("*.so")).items():
        if library == RUNTIME:
            _driver(into, names, headers)
        else:
            stubs = [ANSWERS.get(bare, f"int {bare}() {{ return 0; }}") for bare in _bare(names)]
            _compile(into, library, [_written(into, stubs)], *_version(into, names))
    linked = (f"-L{into}", "-Wl,--no-as-needed", f"-l:{RUNTIME}", "-Wl,-rpath,$ORIGIN")
    _compile(into, ALSO, [_written(into, [])], *linked)


def wanted(libraries: Iterable[Path]) -> dict[str, set[str]]:
    """Of each of NVIDIA's libraries the names, with versions, that these do not define."""
    found: dict[str, set[str]] = defaultdict(set)
    found[RUNTIME] = set()
    for file in libraries:
        for library in NEEDED.findall(_output("readelf", "-d", file)):
            found.setdefault(library, set())
        names = _output("nm", "-D", "--undefined-only", "--with-symbol-versions", file)
        for line in names.splitlines():
            name = line.split()[-1].replace("@@", "@")
            found[_home(name)].add(name)
    return {library: found[library] for library in found if library not in ("", ALSO)}


def _home(name: str) -> str:
    """The library that a name is of; empty for what is not NVIDIA's."""
    bare, _, version = name.partition("@")
    if NEEDED.match(f"NEEDED[{version}]"):
        return version
    if version not in ("", "NVSHMEM"):
        return ""
    return next((PREFIXES[start] for start in PREFIXES if bare.startswith(start)), "")


def _driver(into: Path, names: set[str], headers: Path) -> None:
    """The driver; what torch may ask of it in vain is an error of CUDA's."""
    sources = sorted(DRIVER.glob("*.cpp"))
    ours = "\n".join(file.read_text() for file in sources)
    absent = [bare for bare in _bare(names) if not re.search(rf"\b{bare}\(", ours)]
    stubs = _written(into, [f"int {bare}() {{ return {NOT_SUPPORTED}; }}" for bare in absent])
    flags = (f"-isystem{headers}", "-fvisibility=hidden", *_version(into, names))
    _compile(into, RUNTIME, [*sources, stubs], *flags)


def _bare(names: set[str]) -> list[str]:
    return sorted({name.partition("@")[0] for name in names})


def _written(into: Path, functions: Sequence[str]) -> Path:
    everywhere = '#pragma GCC visibility push(default)\nextern "C" {\n'
    file = into / "stubs.cpp"
    file.write_text(everywhere + "".join(f"{line}\n" for line in functions) + "}\n")
    return file


def _version(into: Path, names: set[str]) -> list[str]:
    """The linker's flag for the version that torch asks for with the names, if it does."""
    versions = {name.partition("@")[2] for name in names} - {""}
    if not versions:
        return []
    (version,) = versions
    (into / "versions").write_text(f"{version} {{ global: *; }};\n")
    return [f"-Wl,--version-script={into / 'versions'}"]


def _compile(into: Path, library: str, sources: Sequence[Path], *flags: str) -> None:
    words = ["g++", *FLAGS, f"-Wl,-soname,{library}", *map(str, sources), *flags]
    subprocess.run([*words, "-o", str(into / library)], check=True)


def _output(*words: str | Path) -> str:
    return subprocess.run([*map(str, words)], check=True, capture_output=True, text=True).stdout
