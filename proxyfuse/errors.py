"""Every error a caller can cause or meet. Each message says what was got and what was wanted."""

from typing import ClassVar


class ProxyFuseError(Exception):
    """The root: catching it catches everything this package raises on purpose."""

    kind: ClassVar[str] = "engine"  # for other languages: the name of ErrorKind in errors.h


class ConfigError(ProxyFuseError, ValueError):
    """An engine option is out of range, or two options contradict each other."""

    kind = "config"


class RequestError(ProxyFuseError, ValueError):
    """A prompt or a sampling parameter is unusable; only its own request is refused."""

    kind = "request"


class ModelError(ProxyFuseError, ValueError):
    """A model folder is missing, unreadable, or of an unsupported architecture or variation."""

    kind = "model"


class WeightsError(ModelError):
    """Weight files are missing, truncated or corrupt, or do not fit the configuration, by name."""

    kind = "weights"


class TokenizerError(ModelError):
    """A tokenizer is missing or unusable."""

    kind = "tokenizer"


class VocabularyError(TokenizerError):
    """The three tokenizers give different strings to one id."""

    kind = "vocabulary"


class MemoryBudgetError(ProxyFuseError, MemoryError):
    """Weights or KV pages do not fit; said before anything is loaded, with the numbers."""

    kind = "memory_budget"


class NonFiniteError(ProxyFuseError, ArithmeticError):
    """A model produced NaN or an infinity for a request's next token."""

    kind = "non_finite"


class EngineError(ProxyFuseError, RuntimeError):
    """The engine was shut down, or its loop stopped on an internal failure."""

    kind = "engine"
