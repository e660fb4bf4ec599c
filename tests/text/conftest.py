"""Kinds of tokenizer, trained here on a few lines that hurt: emoji, CJK, combining characters."""

import json
from collections.abc import Callable
from pathlib import Path

import pytest
from tokenizers import Tokenizer as Backend
from tokenizers import decoders, models, normalizers, pre_tokenizers, processors, trainers

from proxyfuse.text.tokenizer import Tokenizer

TEXTS = [
    "The quick brown fox jumps over the lazy dog. The dog did not mind, and that's that!",
    "Hello  world,\n\tdef f(x):\n    return x ** 2  # twice the spaces, twice the fun",
    "你好,世界。今天天气很好。日本語のテキスト。한국어 문장입니다.",
    "naïve café Z͑ͫ̓ͪ̂ͫ̽͏̴̙̤̞͉͚̯̞̠͍A̴̵̜̰͔ͫ͗͢L̠ͨͧͩ͘ é e\u0301 ｆｕｌｌ",
    "🙂🙃 👩‍👩‍👧‍👦 flags 🇩🇪🇯🇵 thumbs 👍🏽 done 🎉🎉",
] * 3
SPECIAL = ["<unk>", "<s>", "</s>", "<|im_start|>", "<|im_end|>"]
BYTES = [f"<0x{byte:02X}>" for byte in range(256)]
KINDS = ("byte_level", "llama", "unigram", "wordpiece", "suffix")
CONFIG = {
    "tokenizer_class": "PreTrainedTokenizerFast",
    "bos_token": "<s>",
    "eos_token": "</s>",
    "unk_token": "<unk>",
}

Save = Callable[..., Path]


def byte_level() -> Backend:
    """As GPT-2, Llama 3 and Qwen."""
    backend = Backend(models.BPE())
    backend.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    backend.decoder = decoders.ByteLevel()
    alphabet = pre_tokenizers.ByteLevel.alphabet()
    trainer = trainers.BpeTrainer(
        vocab_size=420, initial_alphabet=alphabet, special_tokens=SPECIAL, show_progress=False
    )
    backend.train_from_iterator(TEXTS, trainer)
    return with_bos(backend)


def llama() -> Backend:
    """As Llama 2 and Mistral: pieces with a space mark, and bytes for what no piece covers."""
    backend = Backend(models.BPE(unk_token="<unk>", fuse_unk=True, byte_fallback=True))
    backend.normalizer = normalizers.Sequence(
        [normalizers.Prepend("▁"), normalizers.Replace(" ", "▁")]
    )
    trainer = trainers.BpeTrainer(
        vocab_size=330, limit_alphabet=80, special_tokens=SPECIAL, show_progress=False
    )
    backend.train_from_iterator(TEXTS, trainer)
    spec = json.loads(backend.to_str())
    vocabulary = spec["model"]["vocab"]
    vocabulary.update({piece: len(vocabulary) + at for at, piece in enumerate(BYTES)})
    backend = Backend.from_str(json.dumps(spec))
    steps = [
        decoders.Replace("▁", " "),
        decoders.ByteFallback(),
        decoders.Fuse(),
        decoders.Strip(" ", 1, 0),
    ]
    backend.decoder = decoders.Sequence(steps)
    return with_bos(backend)


def unigram() -> Backend:
    """As Gemma and T5: a unigram model with bytes; the Metaspace decoder drops the first space."""
    backend = Backend(models.Unigram())
    backend.pre_tokenizer = pre_tokenizers.Metaspace()
    trainer = trainers.UnigramTrainer(
        vocab_size=200, special_tokens=SPECIAL, unk_token="<unk>", show_progress=False
    )
    backend.train_from_iterator(TEXTS[:2], trainer)
    spec = json.loads(backend.to_str())
    spec["model"]["vocab"] += [[piece, -20.0] for piece in BYTES]
    spec["model"]["byte_fallback"] = True
    backend = Backend.from_str(json.dumps(spec))
    backend.decoder = decoders.Sequence([decoders.ByteFallback(), decoders.Metaspace()])
    return with_bos(backend)


def wordpiece() -> Backend:
    """As BERT: continuations are marked, and spaces before punctuation are cleaned away."""
    backend = Backend(models.WordPiece(unk_token="<unk>"))
    backend.pre_tokenizer = pre_tokenizers.BertPreTokenizer()
    backend.decoder = decoders.WordPiece()
    trainer = trainers.WordPieceTrainer(vocab_size=400, special_tokens=SPECIAL, show_progress=False)
    backend.train_from_iterator(TEXTS, trainer)
    return with_bos(backend)


def suffix() -> Backend:
    """As the first GPT: the end of a word is marked, and shows only once another word follows."""
    backend = Backend(models.BPE(unk_token="<unk>", end_of_word_suffix="</w>"))
    backend.pre_tokenizer = pre_tokenizers.BertPreTokenizer()
    backend.decoder = decoders.BPEDecoder()
    trainer = trainers.BpeTrainer(
        vocab_size=400,
        special_tokens=SPECIAL,
        end_of_word_suffix="</w>",
        show_progress=False,
    )
    backend.train_from_iterator(TEXTS, trainer)
    return with_bos(backend)


def with_bos(backend: Backend) -> Backend:
    """The tokenizer with some added tokens, putting a bos before a plain prompt."""
    backend.add_special_tokens(SPECIAL)
    backend.add_tokens(["<think>", "two words", "naïve€", "�"])
    backend.post_processor = processors.TemplateProcessing(
        single="<s> $A", special_tokens=[("<s>", backend.token_to_id("<s>"))]
    )
    return backend


@pytest.fixture(scope="session")
def backends() -> dict[str, Backend]:
    """One trained tokenizer of each kind."""
    return {make.__name__: make() for make in (byte_level, llama, unigram, wordpiece, suffix)}


@pytest.fixture(scope="session")
def save(tmp_path_factory: pytest.TempPathFactory) -> Save:
    """Writes a tokenizer as a model folder has it, and returns the folder."""

    def save(backend: Backend, **config: object) -> Path:
        folder = tmp_path_factory.mktemp("model")
        backend.save(str(folder / "tokenizer.json"))
        (folder / "tokenizer_config.json").write_text(json.dumps(CONFIG | config))
        return folder

    return save


@pytest.fixture(scope="session")
def trained(backends: dict[str, Backend], save: Save) -> dict[str, Tokenizer]:
    """The same, loaded as proxyfuse loads them."""
    return {kind: Tokenizer(save(backend)) for kind, backend in backends.items()}


@pytest.fixture(params=KINDS)
def tokenizer(request: pytest.FixtureRequest, trained: dict[str, Tokenizer]) -> Tokenizer:
    """Each kind in turn."""
    return trained[request.param]
