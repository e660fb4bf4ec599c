"""What is timed: the demo trio, or random weights of a named shape, as ordinary folders."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import torch
from transformers import LlamaConfig, LlamaForCausalLM

from proxyfuse.demo import model_folder
from proxyfuse.trio import Role, Trio


@dataclass(frozen=True)
class Shape:
    """A Llama model's size."""

    width: int
    layers: int
    inner: int


@dataclass(frozen=True)
class Named:
    """A trio's sizes and its vocabulary."""

    base: Shape
    proxy: Shape
    vocab: int


SHAPES = {
    "tiny": Named(Shape(256, 6, 704), Shape(128, 4, 352), 4096),
    "mid": Named(Shape(1024, 16, 3584), Shape(512, 8, 1792), 32000),
}


def folders(name: str, scratch: Path) -> Trio[Path]:
    """The folders of "demo" or of a named shape, whose random weights are made in `scratch`."""
    if name == "demo":
        return Trio({role: model_folder(role.label) for role in Role})
    shapes = SHAPES[name]
    for role in Role:
        if not (scratch / role.label / "config.json").exists():
            _make(shapes.base if role is Role.BASE else shapes.proxy, shapes.vocab, role, scratch)
    return Trio({role: scratch / role.label for role in Role})


def _make(shape: Shape, vocab: int, role: Role, scratch: Path) -> None:
    torch.manual_seed(int(role))
    config = LlamaConfig(
        hidden_size=shape.width,
        num_hidden_layers=shape.layers,
        intermediate_size=shape.inner,
        num_attention_heads=shape.width // 64,
        num_key_value_heads=shape.width // 64,
        vocab_size=vocab,
        max_position_embeddings=1024,
        tie_word_embeddings=False,
        bos_token_id=None,
        eos_token_id=None,
        initializer_range=0.05,
    )
    LlamaForCausalLM(config).to(torch.bfloat16).save_pretrained(scratch / role.label)
