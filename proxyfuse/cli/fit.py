"""Do three models fit together, and into this machine? Asked of small files and headers alone."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path

import torch

from proxyfuse.cache import KVShape
from proxyfuse.config import EngineConfig
from proxyfuse.engine.buffers import buffer_bytes
from proxyfuse.engine.load import kv_shape, sampler_rows
from proxyfuse.errors import ProxyFuseError
from proxyfuse.models.config import ModelConfig, read_config
from proxyfuse.models.folder import resolve
from proxyfuse.models.loading import weights_bytes
from proxyfuse.models.weights import parameter_count
from proxyfuse.text.agreement import Agreement, compare
from proxyfuse.text.tokenizer import Tokenizer
from proxyfuse.trio import Role, Trio


@dataclass(frozen=True)
class Model:
    """One model, as its files describe it."""

    folder: Path
    config: ModelConfig
    tokenizer: Tokenizer
    dtype: torch.dtype  # that it would run in
    weights: int  # bytes in that type
    quantization: str | None  # of its products; None: in that type
    parameters: int
    kv: KVShape


@dataclass
class Fit:
    """What was found. The models fit where there is no reason against it."""

    reasons: list[str] = field(default_factory=list)  # why they cannot be run together
    notes: list[str] = field(default_factory=list)  # what is worth knowing and does no harm
    models: dict[Role, Model] = field(default_factory=dict)
    agreement: Agreement | None = None

    @property
    def weights(self) -> int:
        """Bytes of all weights; a folder named twice is loaded once, in each way it is kept."""
        models = self.models.values()
        return sum({(m.folder.resolve(), m.quantization): m.weights for m in models}.values())

    @property
    def buffers(self) -> int:
        """Bytes that a GPU holds beside weights and pages, by the engine's default options."""
        config, models = EngineConfig(), self.models
        longest = min((model.config.max_positions for model in models.values()), default=0)
        rows = sampler_rows(config)
        return sum(
            buffer_bytes(config, role, model.config, model.dtype, rows, longest)
            for role, model in models.items()
        )

    @property
    def kv_per_token(self) -> int:
        """Bytes that one token of a sequence keeps in all models together."""
        return sum(model.kv.bytes_per_token for model in self.models.values())


def examine(
    names: Mapping[Role, str],
    revision: str | None,
    dtype: str,
    base_quantization: str | None = None,
) -> Fit:
    """Look at all that can be known without loading weights; never raises for a bad model.

    Raises `ConfigError` for options that the engine would not take.
    """
    EngineConfig(dtype=dtype, base_quantization=base_quantization)
    fit = Fit()
    chosen = run_in(names[Role.BASE], revision, dtype)
    for role, name in names.items():
        try:
            kept = base_quantization if role is Role.BASE else None
            fit.models[role] = _model(resolve(name, revision), chosen, kept)
        except ProxyFuseError as error:
            fit.reasons.append(f"{role.label}: {error}")
    if len(fit.models) == len(names):
        _together(fit, Trio(fit.models))
    return fit


def run_in(base: str, revision: str | None, dtype: str) -> torch.dtype:
    """The type that all models run in: what was asked for, or what the base is stored in.

    Raises `ConfigError` for a name that is no type.
    """
    EngineConfig(dtype=dtype)  # refuses a name that is none
    if dtype == "auto":
        try:
            dtype = read_config(resolve(base, revision)).dtype
        except ProxyFuseError:
            dtype = "float32"  # the base's own error is reported with the models
    found: torch.dtype = getattr(torch, dtype)
    return found


def _model(folder: Path, dtype: torch.dtype, quantization: str | None) -> Model:
    config = read_config(folder)
    return Model(
        folder=folder,
        config=config,
        tokenizer=Tokenizer(folder),
        dtype=dtype,
        weights=weights_bytes(folder, config, dtype, quantization),
        quantization="fp8" if config.scaling else quantization,
        parameters=parameter_count(config),
        kv=kv_shape(config, dtype),
    )


def _together(fit: Fit, models: Trio[Model]) -> None:
    widths = models.map(lambda model: model.config.vocab_size)
    fit.agreement = compare(models.map(lambda model: model.tokenizer), widths)
    if not fit.agreement.agrees:
        fit.reasons.append(fit.agreement.reason)
    if len(set(widths.values())) > 1:
        narrowest = min(widths.values())
        fit.notes.append(f"heads differ in width: rows from {narrowest} on are masked")
    fit.notes += _partial(models, fit.agreement)
    fit.notes += _differences(models)


def _partial(models: Trio[Model], agreement: Agreement) -> Iterator[str]:
    """Ids that some model lacks, with a few examples."""
    for role, ids in agreement.partial.items():
        if ids:
            shown = [repr(models[role].tokenizer.piece(token)) for token in ids[:3]]
            examples = ", ".join(shown + ["…"] * (len(ids) > 3))
            yield f"{role.label}: {len(ids)} ids that not every model has ({examples})"


def _differences(models: Trio[Model]) -> Iterator[str]:
    """In contexts, ends of text and chat templates."""
    contexts = models.map(lambda model: model.config.max_positions)
    if len(set(contexts.values())) > 1:
        shortest = min(contexts, key=lambda role: contexts[role])
        yield f"contexts differ: the {shortest.label}'s {contexts[shortest]} tokens hold"
    ends = models.map(lambda model: model.tokenizer.eos_ids)
    if len(set(ends.values())) > 1:
        yield f"ends of text differ: any of {sorted(set().union(*ends.values()))} ends a text"
    templated = [role.label for role in models if models[role].tokenizer.chat_template]
    if Role.BASE.label in templated and len(models) > 1:
        advice = "a base that was never tuned on its own may do better with plain text"
        yield f"chat templates: {', '.join(templated)}; {advice}"
