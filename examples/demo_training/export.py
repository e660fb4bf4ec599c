"""Trained weights as ordinary Hugging Face folders in bf16."""

from __future__ import annotations

import json
from pathlib import Path

import torch
from safetensors.torch import save_file
from tokenizers import Tokenizer
from transformers import LlamaConfig

from .tokenizer import write_tokenizer

CHAT = ("expert", "tuned")


def export(name: str, config: LlamaConfig, tokenizer: Tokenizer, out: Path, folder: Path) -> None:
    """`out`/NAME.pt as `folder`/NAME: weights, configuration, tokenizer."""
    target = folder / name
    target.mkdir(parents=True, exist_ok=True)
    state = torch.load(out / f"{name}.pt")["model"]
    tensors = {k: v.bfloat16().contiguous() for k, v in state.items() if k != "lm_head.weight"}
    weights = target / "model.safetensors"
    save_file(tensors, str(weights), metadata={"format": "pt"})
    weights.chmod(0o644)
    config.architectures = ["LlamaForCausalLM"]
    # Readers older than rope_parameters look for the two names at the top.
    older = {"rope_theta": 10000.0, "torch_dtype": "bfloat16"}
    text = json.dumps(config.to_diff_dict() | older, indent=2, sort_keys=True)
    (target / "config.json").write_text(text + "\n")
    ends = {"bos_token_id": 0, "eos_token_id": 1, "pad_token_id": 2}
    (target / "generation_config.json").write_text(json.dumps(ends, indent=2) + "\n")
    write_tokenizer(tokenizer, target, chat=name in CHAT)
