"""From three folders to an engine: checked, then loaded."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from contextlib import nullcontext
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch

from proxyfuse.cache import Geometry, KVShape
from proxyfuse.config import EngineConfig
from proxyfuse.engine.buffers import buffer_bytes
from proxyfuse.engine.checkpoints import Checkpoints, Decoders
from proxyfuse.engine.core import Engine
from proxyfuse.engine.devices import Place, beside, find_devices, find_place
from proxyfuse.engine.memory import free_bytes, share_out
from proxyfuse.engine.pairing import paired
from proxyfuse.engine.request import Limits, Request, check_request
from proxyfuse.engine.sequences import SequenceMaker
from proxyfuse.errors import ConfigError, RequestError
from proxyfuse.models.config import ModelConfig, read_config
from proxyfuse.models.dummy import seed_of
from proxyfuse.models.folder import resolve
from proxyfuse.runner.arena import Arena
from proxyfuse.runner.padding import sizes as sizes_of
from proxyfuse.runner.pair import Paired
from proxyfuse.runner.runner import Runner
from proxyfuse.runner.step_arrays import Capacity
from proxyfuse.runner.warmup import shapes
from proxyfuse.scheduler import Scheduler
from proxyfuse.scheduler.rows import no_drafts
from proxyfuse.speculation import Speculator
from proxyfuse.text.agreement import compare
from proxyfuse.text.chat import ChatFormat
from proxyfuse.text.decoding import decoding_of
from proxyfuse.text.tokenizer import Tokenizer
from proxyfuse.trio import Role, Trio

log = logging.getLogger(__name__)

LEAST_SAMPLES = 64  # sampler rows of a step, however few sequences may run: scoring wants them


@dataclass(frozen=True, slots=True, kw_only=True)
class Loaded:
    """An engine that is ready, and what a caller needs around it."""

    config: EngineConfig
    models: Trio[ModelConfig]
    tokenizers: Trio[Tokenizer] | None
    chat: ChatFormat | None
    limits: Limits
    engine: Engine
    scheduler: Scheduler
    runner: Runner
    maker: SequenceMaker

    def check(self, request: Request) -> None:
        """Raise `RequestError` for what cannot be run, with what was got and what was wanted."""
        check_request(request, self.limits)
        self._check_choice(request)
        prompts = self.maker.prompts(request).map(len)
        room = self.limits.max_model_len - max(prompts.values())
        tokens = len(request.given) or min(request.params.max_tokens or room, room)
        needed = self.scheduler.pages_needed(prompts, tokens)
        total = self.scheduler.ledger.pool.total
        if needed > total:
            raise RequestError(
                f"prompt and {tokens} new tokens need {needed} KV pages, the arena has {total};"
                " want a shorter prompt, fewer max_tokens or more kv_cache_bytes"
            )

    def _check_choice(self, request: Request) -> None:
        """`min_tokens` forbids the ids that end a text; something else must be allowed."""
        params = request.params
        allowed = params.allowed_token_ids or range(self.limits.vocab)
        if params.min_tokens and self.maker.stop_ids(request).issuperset(allowed):
            raise RequestError(
                f"min_tokens: got {params.min_tokens}, but every allowed token ends the text;"
                " want allowed_token_ids with one that does not, or min_tokens=0"
            )


def load(
    names: Trio[str | Path],
    *,
    revision: str | None = None,
    skip_tokenizer_init: bool = False,
    chat_templates: Mapping[Role, str | None] | None = None,
    load_format: str = "auto",
    **options: Any,
) -> Loaded:
    """Check everything that can be checked from small files, then read the weights.

    load_format: "auto" reads what the folders hold; with "dummy" random weights are drawn where
    they are wanted, a folder needs its config.json alone (and a tokenizer, unless
    `skip_tokenizer_init`), and texts mean nothing. Options are the fields of `EngineConfig`.
    Raises `ConfigError`, `ModelError` and its children, or `MemoryBudgetError`.
    """
    config = _config(options)
    seeds = Trio({role: seed_of(load_format, role) for role in names})
    stored = load_format == "auto"
    folders = names.map(lambda name: resolve(name, revision, weights=stored))
    models = folders.map(read_config)
    tokenizers = None if skip_tokenizer_init else _tokenizers(folders)
    longest = _longest(models, config.max_model_len)
    widths = models.map(lambda model: model.vocab_size)
    limits = Limits(max_model_len=longest, vocab=_vocab(tokenizers, widths), widths=widths)
    at, dtype = find_devices(config, models.roles), _dtype(config.dtype, models)
    geometry = Geometry(models.map(lambda model: kv_shape(model, dtype)), config.page_size)
    checkpoints = Checkpoints(
        folders=folders,
        models=models,
        dtype=dtype,
        kept=_quantizations(config, models),
        seeds=seeds,
        at=at,
        paired=paired(config, folders, models, seeds, beside(at)),
    )
    sizes = checkpoints.distinct_bytes()
    buffers = _buffers(config, models, dtype, longest, at)
    pages = _pages(config, geometry, sizes, buffers, longest, at)
    decoders = checkpoints.load(longest)
    place = find_place(config, at, limits.vocab, sampler_rows(config))
    speculator = _speculator(config, checkpoints.read_bytes(), limits, place)
    scheduler = _scheduler(config, geometry, pages, speculator)
    # a page more, for what nobody reads
    arenas = {one: Arena(geometry, pages + place.graphs, one) for one in set(at.values())}
    where = at.map(lambda one: arenas[one])
    runner = _runner(config, decoders, where, limits, speculator, place)
    maker = SequenceMaker(config, models, limits, tokenizers)
    return Loaded(
        config=config,
        models=models,
        tokenizers=tokenizers,
        chat=None if tokenizers is None else ChatFormat(tokenizers, chat_templates),
        limits=limits,
        engine=Engine(scheduler, runner, maker, speculator),
        scheduler=scheduler,
        runner=runner,
        maker=maker,
    )


def _config(options: dict[str, Any]) -> EngineConfig:
    unknown = sorted(set(options) - set(EngineConfig.__dataclass_fields__))
    if unknown:
        known = ", ".join(EngineConfig.__dataclass_fields__)
        raise ConfigError(f"got unknown option {', '.join(unknown)}; want one of {known}")
    return EngineConfig(**options)


def _tokenizers(folders: Trio[Path]) -> Trio[Tokenizer]:
    """Each role's own; raises `TokenizerError` also where the base's could not write a text."""
    tokenizers = folders.map(Tokenizer)
    decoding_of(tokenizers.base)
    tokenizers.map(lambda one: one.recipe)  # read now: the first request should not wait for it
    return tokenizers


def _vocab(tokenizers: Trio[Tokenizer] | None, widths: Trio[int]) -> int:
    """Ids that may be drawn: rows of every head, less a tail that not every tokenizer knows."""
    narrowest = min(widths.values())
    if tokenizers is None:
        return narrowest
    agreement = compare(tokenizers, widths)
    agreement.require()
    foreign = [ids[-1] for ids in agreement.partial.values() if ids]
    tail = any(agreement.limit <= token < narrowest for token in foreign)
    return agreement.limit if tail else narrowest


def _longest(models: Trio[ModelConfig], asked: int | None) -> int:
    role = min(models, key=lambda role: models[role].max_positions)
    shortest = models[role].max_positions
    if asked is not None and asked > shortest:
        raise ConfigError(
            f"max_model_len: got {asked}, want at most {shortest}, the {role.label}'s context"
        )
    return asked or shortest


def _dtype(name: str, models: Trio[ModelConfig]) -> torch.dtype:
    found: torch.dtype = getattr(torch, models.base.dtype if name == "auto" else name)
    return found


def kv_shape(model: ModelConfig, dtype: torch.dtype) -> KVShape:
    """What a model keeps of a token when it runs in `dtype`."""
    return KVShape(model.num_layers, model.num_kv_heads, model.head_dim, dtype.itemsize)


def _quantizations(config: EngineConfig, models: Trio[ModelConfig]) -> Trio[str | None]:
    """The base's option, which leaves alone a checkpoint that is in 8 bits already."""
    return Trio(
        {
            role: config.base_quantization if role is Role.BASE and not model.scaling else None
            for role, model in models.items()
        }
    )


def _pages(
    config: EngineConfig,
    geometry: Geometry,
    sizes: Trio[int],
    buffers: Trio[int],
    longest: int,
    at: Trio[torch.device],
) -> int:
    """Pages of the arena: each device has room for all of them beside what else is its."""
    found = []
    for device in set(at.values()):
        own = Trio({role: sizes[role] * (at[role] == device) for role in at})
        free = free_bytes(device, config.gpu_memory_utilization)
        beside = sum(buffers[role] for role in at if at[role] == device)
        found.append(share_out(config, geometry, own, longest, free, device, beside))
    return min(found)


def _buffers(
    config: EngineConfig,
    models: Trio[ModelConfig],
    dtype: torch.dtype,
    longest: int,
    at: Trio[torch.device],
) -> Trio[int]:
    """Bytes of a GPU's buffers by role; a host's are within what its arena leaves free."""
    return Trio(
        {
            role: buffer_bytes(config, role, model, dtype, sampler_rows(config), longest)
            * (at[role].type == "cuda")
            for role, model in models.items()
        }
    )


def sampler_rows(config: EngineConfig) -> int:
    """Rows that the sampler of one step has at the most."""
    return max(config.max_num_seqs, LEAST_SAMPLES)


def _speculator(
    config: EngineConfig, weights: Trio[int], limits: Limits, place: Place
) -> Speculator:
    return Speculator(
        config.speculate,
        dict(weights.items()),
        rows=min(sampler_rows(config), config.max_num_batched_tokens),
        vocab=limits.vocab,
        batches=sizes_of(config.max_num_seqs) if place.graphs else [],
        stops=place.stage.stops_early,
    )


def _scheduler(
    config: EngineConfig, geometry: Geometry, pages: int, speculator: Speculator
) -> Scheduler:
    return Scheduler(
        geometry,
        pages,
        max_num_seqs=config.max_num_seqs,
        max_num_batched_tokens=config.max_num_batched_tokens,
        max_sampled_rows=sampler_rows(config),
        enable_prefix_caching=config.enable_prefix_caching,
        drafts=speculator.draft if speculator.most else no_drafts,
    )


def _runner(
    config: EngineConfig,
    decoders: Decoders,
    arenas: Trio[Arena],
    limits: Limits,
    speculator: Speculator,
    place: Place,
) -> Runner:
    capacity = Capacity(
        rows=config.max_num_batched_tokens,
        samples=sampler_rows(config),
        sequences=config.max_num_seqs,
        tokens=limits.max_model_len,
        drafts=speculator.most,
    )
    form = None
    if decoders.pair is not None:
        form = Paired(decoders.pair, measured=config.proxies == "auto")
    # on the stream that steps run on, or the first could begin before what they read is cleared
    with nullcontext() if place.streams is None else place.streams.on_main():
        runner = Runner(
            decoders.own,
            arenas,
            capacity,
            limits.vocab,
            place.stage,
            place.streams,
            pads=place.graphs,
            ahead=place.ahead,
            paired=form,
        )
    if place.graphs:
        wanted = shapes(sizes_of(config.max_num_seqs), speculator.lengths, decoders.own.roles)
        log.info("%d steps were captured", runner.prepare(wanted))
    return runner
