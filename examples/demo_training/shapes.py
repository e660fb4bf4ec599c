"""The two shapes of the demo: one base, and proxies of an eighth of its parameters."""

from __future__ import annotations

from transformers import LlamaConfig

from .tokenizer import VOCABULARY


def base_config() -> LlamaConfig:
    """6.81M parameters."""
    return _config(hidden_size=384, intermediate_size=704, layers=5, heads=6, kv_heads=2)


def proxy_config() -> LlamaConfig:
    """0.82M parameters in two layers: shallow, since the expert drafts one token per pass."""
    return _config(hidden_size=160, intermediate_size=384, layers=2, heads=5, kv_heads=1)


def config_of(name: str) -> LlamaConfig:
    """The shape of a stage by its name."""
    return base_config() if name in ("base", "tuned") else proxy_config()


def _config(
    *, hidden_size: int, intermediate_size: int, layers: int, heads: int, kv_heads: int
) -> LlamaConfig:
    return LlamaConfig(
        vocab_size=VOCABULARY,
        hidden_size=hidden_size,
        intermediate_size=intermediate_size,
        num_hidden_layers=layers,
        num_attention_heads=heads,
        num_key_value_heads=kv_heads,
        head_dim=hidden_size // heads,
        max_position_embeddings=1024,
        tie_word_embeddings=True,
        rms_norm_eps=1e-5,
        bos_token_id=0,
        eos_token_id=1,
        pad_token_id=2,
        dtype="bfloat16",
    )
