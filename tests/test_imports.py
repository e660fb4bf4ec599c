"""The house has floors: a module imports from its own room and from below, never from above."""

import ast
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
SOURCES = sorted([*ROOT.glob("proxyfuse/**/*.py"), *ROOT.glob("kernels/**/*.py")])

# From the roof down. Names in one set stand side by side and may use each other; several sets on a
# floor are rooms with a wall between them.
FLOORS: list[list[set[str]]] = [
    [{"server", "cli", "demo", "__main__"}],
    [{"proxyfuse"}],
    [{"engine", "reference"}],
    [{"scheduler"}, {"runner"}, {"measure"}],
    [{"speculation"}],
    [{"models"}, {"cache"}, {"text"}],
    [{"sequence", "plan", "config"}],
    [{"sampling", "trio", "errors", "ranges", "host", "captures"}],
    [{"proxyfuse_kernels"}],
]

# Files that import inside a function, and what: optional dependencies only, one place for each.
LAZY: dict[str, set[str]] = {"proxyfuse/cli/bench/plot.py": {"matplotlib"}}


def place(module: str) -> tuple[int, int]:
    """The floor and the room of one of our modules, by its dotted name."""
    parts = module.split(".")
    name = parts[0] if len(parts) == 1 or parts[0] == "proxyfuse_kernels" else parts[1]
    for floor, rooms in enumerate(FLOORS):
        for room, names in enumerate(rooms):
            if name in names:
                return floor, room
    raise AssertionError(f"{module} is on no floor: give it one in FLOORS")


def imported(node: ast.AST, package: list[str], known: set[str]) -> list[str]:
    """The modules of ours that a statement imports, as `from package import module` means them."""
    if isinstance(node, ast.Import):
        names = [alias.name for alias in node.names]
    elif isinstance(node, ast.ImportFrom):
        above = package[: len(package) - node.level + 1] if node.level else []
        source = ".".join([*above, *([node.module] if node.module else [])])
        inside = [f"{source}.{alias.name}" for alias in node.names]
        names = [name if name in known else source for name in inside]
    else:
        return []
    return [name for name in names if name.split(".")[0] in ("proxyfuse", "proxyfuse_kernels")]


def faults(path: str, module: str, source: str, known: set[str]) -> Iterator[str]:
    """What is wrong with one file's imports, one line for each."""
    tree = ast.parse(source)
    floor, room = place(module)
    parts = module.split(".")
    package = parts if path.endswith("__init__.py") else parts[:-1]
    for node in ast.walk(tree):
        for name in imported(node, package, known):
            other_floor, other_room = place(name)
            if other_floor < floor:
                yield f"{module} imports {name}, from a floor above"
            if other_floor == floor and other_room != room:
                yield f"{module} imports {name}, from the room beside"
    for function in ast.walk(tree):
        if isinstance(function, ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda):
            for node in ast.walk(function):
                if isinstance(node, ast.Import | ast.ImportFrom) and not allowed(path, node):
                    yield f"{module} imports inside a function, line {node.lineno}"


def allowed(path: str, node: ast.Import | ast.ImportFrom) -> bool:
    names = (
        [str(node.module)]
        if isinstance(node, ast.ImportFrom)
        else [alias.name for alias in node.names]
    )
    return {name.split(".")[0] for name in names} <= LAZY.get(path, set())


def dotted(path: Path) -> str:
    parts = path.relative_to(ROOT).with_suffix("").parts
    parts = parts[1:] if parts[0] == "kernels" else parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


KNOWN = {dotted(path) for path in SOURCES}


@pytest.mark.parametrize("path", SOURCES, ids=dotted)
def test_imports_go_down(path: Path) -> None:
    found = list(faults(str(path.relative_to(ROOT)), dotted(path), path.read_text(), KNOWN))
    assert not found, "\n".join(found)


def test_kernels_is_a_source_root_and_no_package() -> None:
    assert not (ROOT / "kernels" / "__init__.py").exists()


@pytest.mark.parametrize(
    ("module", "source"),
    [
        ("proxyfuse.trio", "from proxyfuse.sequence import Lane"),
        ("proxyfuse.text.chat", "import proxyfuse.engine.llm"),
        ("proxyfuse.text.chat", "from proxyfuse import cache"),
        ("proxyfuse.models.rope", "from proxyfuse import LLM"),
        ("proxyfuse.scheduler.step", "from proxyfuse.runner import arena"),
        ("proxyfuse.runner.arena", "from proxyfuse.scheduler import Scheduler"),
        ("proxyfuse_kernels.embed", "from proxyfuse.errors import ConfigError"),
        ("proxyfuse.text.chat", "from ..engine import llm"),
        ("proxyfuse.trio", "from . import sequence"),
        ("proxyfuse.engine", "def f():\n    import torch"),
        ("proxyfuse.cache.pool", "if TYPE_CHECKING:\n    from proxyfuse.engine import core"),
    ],
)
def test_a_fault_is_found(module: str, source: str) -> None:
    assert list(faults("file.py", module, source, KNOWN | {"proxyfuse.cache"}))


@pytest.mark.parametrize(
    ("module", "source"),
    [
        ("proxyfuse", "from proxyfuse.engine.llm import LLM"),
        ("proxyfuse.plan", "from proxyfuse.sequence import Lane"),
        ("proxyfuse.runner.arena", "from proxyfuse_kernels.ops import Ops"),
        ("proxyfuse.cli.chat", "from proxyfuse import LLM\nfrom proxyfuse.text import chat"),
        ("proxyfuse.engine", "import torch\nfrom proxyfuse.runner import arena"),
        ("proxyfuse.text.chat", "from .tokenizer import Tokenizer"),
    ],
)
def test_what_is_right_is_no_fault(module: str, source: str) -> None:
    assert not list(faults("file.py", module, source, KNOWN | {"proxyfuse.cache"}))


# What torch and transformers bring; `proxyfuse.cli` may have its own.
BROUGHT = {
    *("torch", "triton", "transformers", "tokenizers", "safetensors", "huggingface_hub"),
    *("numpy", "jinja2", "tqdm"),
}
OURS = {"proxyfuse", "proxyfuse_kernels"}


@pytest.mark.parametrize(
    "path", [path for path in SOURCES if "cli" not in path.relative_to(ROOT).parts], ids=dotted
)
def test_an_engine_wants_nothing_beyond_torch_and_transformers(path: Path) -> None:
    tree = ast.parse(path.read_text())
    roots = {
        name.split(".")[0]
        for node in ast.walk(tree)
        for name in (
            [alias.name for alias in node.names]
            if isinstance(node, ast.Import)
            else [str(node.module)]
            if isinstance(node, ast.ImportFrom) and not node.level
            else []
        )
    }
    assert roots <= BROUGHT | OURS | set(sys.stdlib_module_names)
