"""A bench that nobody ran for a while still imports."""

from importlib import import_module
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
OPTIONAL = ("llama_cpp", "vllm_base", "sglang_base")  # import packages that may be missing
MODULES = [
    ".".join(path.relative_to(ROOT).with_suffix("").parts)
    for path in sorted(ROOT.glob("bench/**/*.py"))
    if path.stem not in ("__init__", "__main__", *OPTIONAL)
]


@pytest.mark.parametrize("module", MODULES)
def test_it_imports(module: str) -> None:
    import_module(module)
