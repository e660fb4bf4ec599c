"""What is timed: the demo trio, random weights of a named shape, or somebody's own folders."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path

from transformers import LlamaConfig, PreTrainedConfig, Qwen3Config

from bench.engine.random_weights import write_config, write_random
from proxyfuse.demo import model_folder
from proxyfuse.trio import Role, Trio

# How loud base's and antiexpert's heads are where the expert is to decide, nearly always or mostly:
# the first as after tuning, the second so that a base that is wrong still shows in the text.
QUIET, SOFT = 0.02, 0.1


@dataclass(frozen=True)
class Shape:
    """A decoder's size; heads are `head` wide, and the vocabulary is its trio's."""

    width: int
    layers: int
    inner: int
    heads: int
    kv_heads: int
    head: int = 128
    tied: bool = False


@dataclass(frozen=True)
class Named:
    """A trio's sizes, its vocabulary and its family."""

    base: Shape
    proxy: Shape
    vocab: int
    family: Callable[..., PreTrainedConfig] = LlamaConfig

    def shallow(self, layers: int = 2) -> Named:
        """As wide, and only so deep: what the gate checks where float32 would not fit."""
        return replace(
            self, base=replace(self.base, layers=layers), proxy=replace(self.proxy, layers=layers)
        )


LLAMA2_7B = Shape(4096, 32, 11008, 32, 32)
LLAMA3_8B = Shape(4096, 32, 14336, 32, 8)
LLAMA3_1B = Shape(2048, 16, 8192, 32, 8, head=64, tied=True)
QWEN3_8B = Shape(4096, 36, 12288, 32, 8)
QWEN3_06B = Shape(1024, 28, 3072, 16, 8, tied=True)

SHAPES = {
    "tiny": Named(Shape(256, 6, 704, 4, 4, head=64), Shape(128, 4, 352, 2, 2, head=64), vocab=4096),
    "mid": Named(
        Shape(1024, 16, 3584, 16, 16, head=64), Shape(512, 8, 1792, 8, 8, head=64), vocab=32000
    ),
    "llama3-8b+1b": Named(LLAMA3_8B, LLAMA3_1B, vocab=128256),
    "qwen3-8b+0.6b": Named(QWEN3_8B, QWEN3_06B, vocab=151936, family=Qwen3Config),
    "llama2-13b+7b": Named(Shape(5120, 40, 13824, 40, 40), LLAMA2_7B, vocab=32000),
    "llama2-70b+7b": Named(Shape(8192, 80, 28672, 64, 8), LLAMA2_7B, vocab=32000),
}


def folders(name: str, scratch: Path, agreeing: bool = False) -> Trio[Path]:
    """The folders of "demo" or of a named shape, whose random weights are made in `scratch`."""
    if name == "demo":
        return Trio({role: model_folder(role.label) for role in Role})
    return make(SHAPES[name], scratch, QUIET if agreeing else 1.0)


def make(named: Named, scratch: Path, quiet: float = 1.0) -> Trio[Path]:
    """Random bfloat16 weights, where they are not there yet.

    quiet: how loud base and antiexpert speak. Where they speak softly the expert mostly decides, as
    it does after tuning. Random models that are equally loud never agree, which no draft survives.
    """
    for role in Role:
        if not (scratch / role.label / "config.json").exists():
            loud = _loud(role, quiet)
            write_random(_config(role, named), scratch / role.label, int(role), loud)
    return Trio({role: scratch / role.label for role in Role})


def outline(named: Named, scratch: Path, agreeing: bool = False) -> Trio[Path]:
    """Each role's config.json alone, for load_format "dummy": nothing is ever on a disk.

    `agreeing`: base and antiexpert speak softly here too. All of their weights are `QUIET` times as
    loud; norms undo that, but for their epsilon, everywhere except in the head, which none follows.
    """
    quiet = QUIET if agreeing else 1.0
    for role in Role:
        write_config(_config(role, named), scratch / role.label, _loud(role, quiet))
    return Trio({role: scratch / role.label for role in Role})


def _loud(role: Role, quiet: float) -> float:
    return 1.0 if role is Role.EXPERT else quiet


def _config(role: Role, named: Named) -> PreTrainedConfig:
    shape = named.base if role is Role.BASE else named.proxy
    return named.family(
        hidden_size=shape.width,
        num_hidden_layers=shape.layers,
        intermediate_size=shape.inner,
        num_attention_heads=shape.heads,
        num_key_value_heads=shape.kv_heads,
        head_dim=shape.head,
        vocab_size=named.vocab,
        max_position_embeddings=4096,
        tie_word_embeddings=shape.tied,
        bos_token_id=None,
        eos_token_id=None,
        dtype="bfloat16",
    )
