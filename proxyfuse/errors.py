"""Every error a caller can cause or meet. Each message says what was got and what was wanted."""


class ProxyFuseError(Exception):
    """The root: catching it catches everything this package raises on purpose."""


class ConfigError(ProxyFuseError, ValueError):
    """An engine option is out of range, or two options contradict each other."""


class RequestError(ProxyFuseError, ValueError):
    """A prompt or a sampling parameter is unusable; only its own request is refused."""


class ModelError(ProxyFuseError, ValueError):
    """A model folder is missing, unreadable, or of an unsupported architecture or variation."""


class WeightsError(ModelError):
    """Weight files are missing, truncated or corrupt, or do not fit the configuration, by name."""


class TokenizerError(ModelError):
    """A tokenizer is missing or unusable."""


class VocabularyError(TokenizerError):
    """The three tokenizers give different strings to one id."""


class MemoryBudgetError(ProxyFuseError, MemoryError):
    """Weights or KV pages do not fit; said before anything is loaded, with the numbers."""


class NonFiniteError(ProxyFuseError, ArithmeticError):
    """A model produced NaN or an infinity for a request's next token."""


class EngineError(ProxyFuseError, RuntimeError):
    """The engine was shut down, or its loop stopped on an internal failure."""
