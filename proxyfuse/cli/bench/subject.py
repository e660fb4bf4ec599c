"""What is timed: a user's models, and the ways in which they can write."""

from __future__ import annotations

import random
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, replace
from pathlib import Path

import torch

from proxyfuse import LLM
from proxyfuse.cache import Geometry
from proxyfuse.cli.bench.gate import check, require_same
from proxyfuse.cli.engine import Engine, open_llm
from proxyfuse.cli.fit import run_in
from proxyfuse.cli.models import Models
from proxyfuse.config import EngineConfig
from proxyfuse.engine.load import kv_shape
from proxyfuse.errors import MemoryBudgetError
from proxyfuse.measure import ReadStream, bytes_a_token, peak_memory
from proxyfuse.models.config import ModelConfig, read_config
from proxyfuse.models.folder import resolve
from proxyfuse.trio import Role, Trio

STEERED, PLAIN, BASE = "steered", "no drafts", "base alone"
AHEAD = 64  # tokens of room beyond the longest sequence, for drafts


@dataclass(frozen=True)
class Way:
    """One way of writing: an engine, what it is told, and the weights that a token reads."""

    name: str
    llm: LLM
    alpha: float | None
    weights: int  # bytes


@dataclass(frozen=True)
class Opened:
    """Ways that were found to be right: steered first, the base alone last."""

    ways: list[Way]
    notes: list[str]  # what was left out, and why
    peak: int  # bytes of memory that one engine took at most until it was checked


@dataclass(frozen=True)
class Subject:
    """Models, as their small files describe them, and how they are to be run.

    Their tokenizers are not needed: prompts are random ids.
    """

    models: Models
    engine: Engine
    folders: Trio[Path]
    configs: Trio[ModelConfig]
    dtype: torch.dtype
    device: torch.device

    @classmethod
    def of(cls, models: Models, engine: Engine) -> Subject:
        """Raises `ModelError` or `ConfigError`, before anything is loaded."""
        names = models.named()
        stored = engine.load_format == "auto"
        folders = Trio(names).map(lambda name: resolve(name, models.revision, weights=stored))
        auto = "cuda" if torch.cuda.is_available() else "cpu"
        return cls(
            models,
            engine,
            folders,
            folders.map(read_config),
            run_in(str(folders.base), None, engine.dtype),
            torch.device(auto if engine.device == "auto" else engine.device),
        )

    def prompts(self, count: int, length: int, seed: int) -> list[list[int]]:
        """Random ids that all models have."""
        rng = random.Random(seed)
        vocab = min(config.vocab_size for config in self.configs.values())
        return [[rng.randrange(vocab) for _ in range(length)] for _ in range(count)]

    def read_stream(self) -> ReadStream:
        """A plain read of the device's memory."""
        return ReadStream(self.device)

    def about(self) -> dict[str, object]:
        """For a record."""
        return {
            "models": {role.label: str(folder) for role, folder in self.folders.items()},
            "dtype": str(self.dtype).removeprefix("torch."),
            "device": str(self.device),
            "speculate": self.engine.speculate,
            "base_quantization": self.engine.base_quantization,
            "load_format": self.engine.load_format,
            "stored_in_fp8": [r.label for r, config in self.configs.items() if config.scaling],
        }

    @contextmanager
    def opened(self, sequences: int, tokens: int) -> Iterator[Opened]:
        """Engines with room for so many sequences of so many tokens, once they are right.

        Raises as `LLM` does, and `EngineError` for what is wrong.
        """
        with ExitStack() as engines:
            first = engines.enter_context(self._open(sequences, tokens))
            prompts = self.prompts(min(sequences, 8), 12, seed=1)
            check(first, prompts)
            base = Way(BASE, first, 0.0, self._read((Role.BASE,)))
            peak = self._peak()
            if len(self.folders) == 1:
                yield Opened([base], [], peak)
                return
            steered = Way(STEERED, first, None, self._read())
            ways, notes = [steered, base], list[str]()
            if str(self.engine.speculate) != "0":
                try:
                    plain = engines.enter_context(self._open(sequences, tokens, speculate=0))
                except MemoryBudgetError as error:
                    notes.append(f"drafts are on everywhere, a second engine has no room: {error}")
                else:
                    require_same(first, plain, prompts)
                    # The expert drafts for a base at alpha 0 too, which is then not alone.
                    ways = [steered, replace(steered, name=PLAIN, llm=plain)]
                    ways.append(replace(base, llm=plain))
            yield Opened(ways, notes, peak)

    def _open(self, sequences: int, tokens: int, **more: int) -> LLM:
        """Prompts are read afresh each time; pages are as many as the run needs, if not given."""
        return open_llm(
            self.models,
            self.engine,
            skip_tokenizer_init=True,
            enable_prefix_caching=False,
            max_num_seqs=max(self.engine.max_num_seqs, sequences),
            kv_cache_bytes=self.engine.kv_cache_bytes or self._arena_bytes(sequences, tokens),
            **more,
        )

    def _read(self, roles: tuple[Role, ...] = tuple(Role)) -> int:
        """Bytes of weights that a token reads."""
        how = (self.engine.base_quantization, self.engine.load_format)
        return bytes_a_token(self.folders, self.dtype, roles, *how)

    def _peak(self) -> int:
        on_gpu = self.device.type == "cuda"
        return torch.cuda.max_memory_allocated(self.device) if on_gpu else peak_memory()

    def _arena_bytes(self, sequences: int, tokens: int) -> int:
        shapes = self.configs.map(lambda config: kv_shape(config, self.dtype))
        geometry = Geometry(shapes, EngineConfig().page_size)
        pages = sum(geometry.pages_for(role, tokens + AHEAD) for role in shapes)
        return sequences * pages * geometry.page_bytes
