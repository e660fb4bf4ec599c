"""A model's shape and variations as plain data, read from its folder."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from proxyfuse.models.fields import Fields, read_json
from proxyfuse.models.fp8_config import read_scaling
from proxyfuse.models.rope import Rope, read_rope

ARCHITECTURES = (
    "LlamaForCausalLM",
    "MistralForCausalLM",
    "Qwen2ForCausalLM",
    "Qwen3ForCausalLM",
)
MOST_LAYERS = 10_000
DTYPES = ("float32", "bfloat16", "float16")


@dataclass(frozen=True, slots=True, kw_only=True)
class ModelConfig:
    """One decoder of the Llama family. Families differ in these fields and in nothing else."""

    architecture: str
    vocab_size: int  # rows of the head, which may be more than the tokenizer has ids
    hidden_size: int
    intermediate_size: int
    num_heads: int
    num_kv_heads: int
    head_dim: int
    windows: tuple[int | None, ...]  # per layer: how many keys a query sees; None is all
    max_positions: int
    rope: Rope
    rms_norm_eps: float
    qkv_bias: bool
    output_bias: bool  # of the attention's output projection
    mlp_bias: bool
    qk_norm: bool  # heads of q and k are normed before they are rotated
    tied: bool  # the head is the embedding table
    dtype: str  # what the checkpoint was made in; one of DTYPES
    scaling: tuple[str, ...]  # of products stored in fp8: "channel", "tensor"; none are if empty
    eos_token_ids: tuple[int, ...]

    @property
    def num_layers(self) -> int:
        """How many layers there are."""
        return len(self.windows)

    @property
    def qkv_size(self) -> int:
        """Width of the fused projection: queries, keys, values."""
        return (self.num_heads + 2 * self.num_kv_heads) * self.head_dim

    @property
    def output_size(self) -> int:
        """Width of what attention returns, all heads side by side."""
        return self.num_heads * self.head_dim

    @property
    def kv_values(self) -> int:
        """Numbers that one token keeps in the KV arena, over all layers."""
        return self.num_layers * 2 * self.num_kv_heads * self.head_dim


def read_config(folder: Path) -> ModelConfig:
    """The configuration of the model in a folder.

    Raises `ModelError` where config.json is missing, corrupt or nonsense, or describes something
    that this engine would compute wrongly.
    """
    fields = read_json(folder / "config.json")
    architecture = _architecture(fields)
    _refuse(fields)
    heads = fields.whole("num_attention_heads")
    layers = _layers(fields)
    llama, qwen2, qwen3 = (architecture == ARCHITECTURES[i] for i in (0, 2, 3))
    attention_bias = fields.flag("attention_bias", False) if llama or qwen3 else False
    rope = read_rope(fields)
    config = ModelConfig(
        architecture=architecture,
        vocab_size=fields.whole("vocab_size"),
        hidden_size=fields.whole("hidden_size"),
        intermediate_size=fields.whole("intermediate_size"),
        num_heads=heads,
        num_kv_heads=fields.whole("num_key_value_heads", heads if llama else None),
        head_dim=_head_dim(fields, heads, qwen3),
        windows=_windows(fields, architecture, layers),
        max_positions=_max_positions(fields, rope),
        rope=rope,
        rms_norm_eps=fields.positive("rms_norm_eps", 1e-6),
        qkv_bias=attention_bias or qwen2,
        output_bias=attention_bias,
        mlp_bias=fields.flag("mlp_bias", False) if llama else False,
        qk_norm=qwen3,
        tied=fields.flag("tie_word_embeddings", False),
        dtype=_dtype(fields),
        scaling=read_scaling(fields),
        eos_token_ids=_eos_token_ids(fields, folder / "generation_config.json"),
    )
    if config.num_heads % config.num_kv_heads:
        wanted = f"a divisor of num_attention_heads={config.num_heads}"
        raise fields.wrong("num_key_value_heads", config.num_kv_heads, wanted)
    return config


def _layers(fields: Fields) -> int:
    layers = fields.whole("num_hidden_layers")
    if layers > MOST_LAYERS:
        raise fields.wrong("num_hidden_layers", layers, f"at most {MOST_LAYERS}")
    return layers


def _architecture(fields: Fields) -> str:
    names = fields.data.get("architectures")
    if not isinstance(names, list) or len(names) != 1 or names[0] not in ARCHITECTURES:
        raise fields.wrong("architectures", names, f"one of {', '.join(ARCHITECTURES)}")
    return str(names[0])


def _refuse(fields: Fields) -> None:
    """Raise for what the decoder would silently compute otherwise."""
    activation = fields.text("hidden_act", "silu")
    if activation not in ("silu", "swish"):
        raise fields.wrong("hidden_act", activation, "silu")


def _head_dim(fields: Fields, heads: int, qwen3: bool) -> int:
    hidden = fields.whole("hidden_size")
    if not fields.has("head_dim") and not qwen3 and hidden % heads:
        raise fields.wrong("hidden_size", hidden, f"a multiple of num_attention_heads={heads}")
    size = fields.whole("head_dim", 128 if qwen3 else hidden // heads)
    if size % 2:
        raise fields.wrong("head_dim", size, "an even number (pairs are rotated)")
    return size


def _max_positions(fields: Fields, rope: Rope) -> int:
    """What is written; with yarn also what it stretches to, which not every checkpoint writes."""
    written = fields.whole("max_position_embeddings")
    return (
        max(written, int(rope.factor * rope.original_positions)) if rope.kind == "yarn" else written
    )


def _windows(fields: Fields, architecture: str, layers: int) -> tuple[int | None, ...]:
    """Mistral's window holds in all layers, Qwen's in those named, or from max_window_layers on."""
    if architecture == "MistralForCausalLM":
        absent = "sliding_window" in fields.data and not fields.has("sliding_window")
        return (None if absent else fields.whole("sliding_window", 4096),) * layers
    if architecture == "LlamaForCausalLM":
        return (None,) * layers
    sliding = fields.flag("use_sliding_window", False)
    window = fields.whole("sliding_window", 4096) if sliding else None
    kinds = fields.data.get("layer_types")
    if kinds is None:
        first = fields.whole("max_window_layers", 28, at_least=0)
        return tuple(window if layer >= first else None for layer in range(layers))
    if not isinstance(kinds, list) or len(kinds) != layers:
        raise fields.wrong("layer_types", kinds, f"a list of {layers}, one for each layer")
    known = ("full_attention", "sliding_attention") if sliding else ("full_attention",)
    for kind in kinds:
        if kind not in known:
            raise fields.wrong("layer_types", kind, f"one of {', '.join(known)}")
    return tuple(window if kind == "sliding_attention" else None for kind in kinds)


def _dtype(fields: Fields) -> str:
    name = fields.text("dtype", fields.text("torch_dtype", "float32"))
    if name not in DTYPES:
        raise fields.wrong("dtype", name, f"one of {', '.join(DTYPES)}")
    return name


def _eos_token_ids(fields: Fields, generation: Path) -> tuple[int, ...]:
    """Ids that end a text: those of config.json and of generation_config.json together."""
    ids = set(fields.ids("eos_token_id"))
    if generation.exists():
        ids.update(read_json(generation).ids("eos_token_id"))
    return tuple(sorted(ids))
