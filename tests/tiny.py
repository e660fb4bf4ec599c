"""Tiny random checkpoints of real classes, each with a tokenizer: built in milliseconds.

Widths are chosen to hurt: heads whose size is not hidden / heads, odd vocabularies, grouped keys,
windows shorter than a prompt.
"""

from __future__ import annotations

from functools import cache
from pathlib import Path
from typing import Any

import torch
from tokenizers import Tokenizer, decoders, models, pre_tokenizers, trainers
from transformers import (
    LlamaConfig,
    LlamaForCausalLM,
    MistralConfig,
    MistralForCausalLM,
    PreTrainedModel,
    PreTrainedTokenizerFast,
    Qwen2Config,
    Qwen2ForCausalLM,
    Qwen3Config,
    Qwen3ForCausalLM,
)

from proxyfuse.trio import Role, Trio

VOCAB = 293  # of the tokenizer; heads are wider
EOS = 0
TEXT = "the cat sat on the mat and the dog sat on the log while rain ran in Spain, 1 2 3. " * 4
CHAT = "{% for m in messages %}[{{ m['role'] }}] {{ m['content'] }}\n{% endfor %}[assistant] "

SMALL: dict[str, Any] = {
    "vocab_size": 301,
    "hidden_size": 24,
    "intermediate_size": 37,
    "num_hidden_layers": 3,
    "num_attention_heads": 4,
    "num_key_value_heads": 2,
    "head_dim": 10,
    "max_position_embeddings": 256,
    "bos_token_id": None,
    "eos_token_id": EOS,
    "pad_token_id": None,
    "tie_word_embeddings": False,
}
LLAMA, QWEN2 = (LlamaConfig, LlamaForCausalLM), (Qwen2Config, Qwen2ForCausalLM)
LLAMA3 = {
    "rope_type": "llama3",
    "rope_theta": 5000.0,
    "factor": 8.0,
    "low_freq_factor": 1.0,
    "high_freq_factor": 4.0,
    "original_max_position_embeddings": 64,
}
YARN = {
    "rope_type": "yarn",
    "rope_theta": 1000.0,
    "factor": 4.0,
    "original_max_position_embeddings": 64,
}
LINEAR = {"rope_type": "linear", "rope_theta": 1000.0, "factor": 3.0}
WINDOWS = {"use_sliding_window": True, "sliding_window": 7, "max_window_layers": 1}

# What each family differs in; any name here is a `family` below.
FAMILIES: dict[str, tuple[Any, dict[str, Any]]] = {
    "llama": (LLAMA, {}),
    "llama-biased": (LLAMA, {"attention_bias": True, "mlp_bias": True}),
    "llama-one-head": (LLAMA, {"num_attention_heads": 3, "num_key_value_heads": 1}),
    "llama3": (LLAMA, {"rope_parameters": LLAMA3, "tie_word_embeddings": True}),
    "llama-linear": (LLAMA, {"rope_parameters": LINEAR, "num_key_value_heads": 4}),
    "mistral": ((MistralConfig, MistralForCausalLM), {"sliding_window": 5}),
    "qwen2": (QWEN2, {"tie_word_embeddings": True}),
    "qwen2-windows": (QWEN2, WINDOWS),
    "qwen2-yarn": (QWEN2, {"rope_parameters": YARN}),
    "qwen3": ((Qwen3Config, Qwen3ForCausalLM), {"tie_word_embeddings": True}),
}


def make_model(
    folder: Path, family: str = "llama", *, seed: int = 0, chat: bool = False, **overrides: Any
) -> PreTrainedModel:
    """A random model of a family, saved with its tokenizer in `folder`; `overrides` of its config.

    Saved in float32 unless `dtype` is overridden. Returns Hugging Face's own model.
    """
    (config_class, model_class), variation = FAMILIES[family]
    config = config_class(**{**SMALL, **variation, "rms_norm_eps": 1e-5, **overrides})
    model = model_class(config).eval()
    randomize(model, seed)
    model.generation_config.eos_token_id = config.eos_token_id
    model.to(config.dtype or torch.float32).save_pretrained(folder)
    tokenizer = PreTrainedTokenizerFast(tokenizer_object=tiny_tokenizer(), eos_token="</s>")
    tokenizer.chat_template = CHAT if chat else None
    tokenizer.save_pretrained(folder)
    return model


def make_trio(
    folder: Path,
    family: str = "llama",
    *,
    seed: int = 0,
    base: dict[str, Any] | None = None,
    proxy: dict[str, Any] | None = None,
) -> Trio[Path]:
    """A base and two smaller models, one folder for each role under `folder`.

    `base` and `proxy` override the configs; the expert, which has a chat template, and the
    antiexpert are one shape with different weights.
    """
    small = {"hidden_size": 12, "intermediate_size": 29, "num_hidden_layers": 2, "head_dim": 6}
    shapes = {Role.BASE: base or {}, Role.EXPERT: small | (proxy or {})}
    for role in Role:
        chat = role is Role.EXPERT
        shape = shapes.get(role, shapes[Role.EXPERT])
        make_model(folder / role.label, family, seed=3 * seed + role, chat=chat, **shape)
    return Trio({role: folder / role.label for role in Role})


def randomize(model: PreTrainedModel, seed: int) -> None:
    """Weights of a scale at which layers, norms and biases all matter and no token always wins."""
    generator = torch.Generator().manual_seed(seed)
    with torch.no_grad():
        for name, weight in model.named_parameters():
            noise = torch.randn(weight.shape, generator=generator)
            if weight.dim() == 1:
                weight.copy_(noise * 0.3 + (1 if "norm" in name else 0))
            else:
                weight.copy_(noise * (0.6 if "embed" in name else 1.5 * weight.shape[1] ** -0.5))


@cache
def tiny_tokenizer() -> Tokenizer:
    """A byte-level BPE of `VOCAB` ids: id 0 ends a text, 256 bytes, a few merges."""
    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.decoder = decoders.ByteLevel()
    trainer = trainers.BpeTrainer(
        vocab_size=VOCAB,
        special_tokens=["</s>"],
        initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
        show_progress=False,
    )
    tokenizer.train_from_iterator([TEXT], trainer)
    assert tokenizer.get_vocab_size() == VOCAB
    return tokenizer
