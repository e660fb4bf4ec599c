"""`proxyfuse inspect`."""

from __future__ import annotations

import json
import math
from typing import Annotated, Any

import torch
import typer
from rich.console import Console
from rich.table import Table
from typer import Option

from proxyfuse.cli.fit import Fit, Model, examine
from proxyfuse.cli.models import Models
from proxyfuse.config import EngineConfig
from proxyfuse.engine.memory import free_bytes
from proxyfuse.errors import ConfigError


def inspect(
    models: Models,
    dtype: Annotated[
        str,
        Option(
            metavar="NAME",
            help='Type that memory is counted in: "float32", "bfloat16", "float16", or "auto":'
            " the base's.",
        ),
    ] = "auto",
    base_quantization: Annotated[
        str | None,
        Option(
            metavar="NAME",
            help="\"fp8\": count the base's products in 8 bits, as the engine's option keeps them.",
            show_default="none",
        ),
    ] = None,
    memory: Annotated[
        float | None,
        Option(
            metavar="GIB",
            help="Memory of a GPU to plan for, in GiB; weights and buffers that take more are a"
            " reason against.",
            show_default="what is free on this machine",
        ),
    ] = None,
    as_json: Annotated[bool, Option("--json", help="One JSON object instead of tables.")] = False,
) -> None:
    """Say whether models fit together, without loading them: exit code 0 if so, 1 if not.

    Tokenizers are compared id by id; shapes, head widths, memory of weights, of a GPU's buffers and
    of a token's keys and values are listed.
    """
    if memory is not None and not 0 <= memory < math.inf:
        raise ConfigError(f"--memory: got {memory}, want a number of GiB, at least 0")
    fit = examine(models.named(), models.revision, dtype, base_quantization)
    budget = _free() if memory is None else int(memory * 2**30)
    on_gpu = memory is not None or torch.cuda.is_available()
    buffers = fit.buffers * on_gpu  # a host's are within what its arena leaves free
    if memory is not None and budget < fit.weights + buffers:
        takes = f"the weights take {size(fit.weights)}, buffers {size(buffers)}"
        fit.reasons.append(f"memory: {takes}, got {size(budget)}")
    if as_json:
        typer.echo(json.dumps(summary(fit), ensure_ascii=False))
    else:
        report(fit, Console(), budget, buffers)
    if fit.reasons:
        raise typer.Exit(1)


def _free() -> int:
    """Bytes that models may take on this machine: of the GPU if there is one."""
    device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
    return free_bytes(device, EngineConfig().gpu_memory_utilization)


def summary(fit: Fit) -> dict[str, Any]:
    """The whole report as plain data; sizes in bytes."""
    agreement = fit.agreement
    return {
        "fits": not fit.reasons,
        "reasons": fit.reasons,
        "notes": fit.notes,
        "models": {role.label: _facts(model) for role, model in fit.models.items()},
        "vocabulary": None
        if agreement is None
        else {
            "shared": agreement.shared,
            "mismatched": len(agreement.mismatched),
            "partial": {role.label: len(ids) for role, ids in agreement.partial.items()},
        },
        "weights_bytes": fit.weights,
        "gpu_buffers_bytes": fit.buffers,
        "kv_bytes_per_token": fit.kv_per_token,
    }


def _facts(model: Model) -> dict[str, Any]:
    config = model.config
    return {
        "folder": str(model.folder),
        "architecture": config.architecture,
        "parameters": model.parameters,
        "layers": config.num_layers,
        "width": config.hidden_size,
        "heads": config.num_heads,
        "kv_heads": config.num_kv_heads,
        "head_dim": config.head_dim,
        "context": config.max_positions,
        "stored_as": f"fp8, a scale per {' or '.join(config.scaling)}"
        if config.scaling
        else config.dtype,
        "kept_in": model.quantization,
        "head_rows": config.vocab_size,
        "head_tied": config.tied,
        "ids": model.tokenizer.size,
        "eos_ids": sorted(model.tokenizer.eos_ids),
        "chat_template": model.tokenizer.chat_template is not None,
        "weights_bytes": model.weights,
        "kv_bytes_per_token": model.kv.bytes_per_token,
    }


def report(fit: Fit, console: Console, budget: int, buffers: int) -> None:
    """The same for people."""
    if fit.models:
        console.print(_table(fit))
        console.print(_room(fit, budget, buffers))
    if fit.agreement is not None and fit.agreement.agrees:
        console.print(f"Vocabulary: {fit.agreement.reason}.")
    for note in fit.notes:
        console.print(f"Note: {note}.", markup=False)
    for reason in fit.reasons:
        console.print(f"No: {reason}", markup=False, style="red")
    if not fit.reasons:
        console.print("Yes: these models fit together.", style="green")


def _table(fit: Fit) -> Table:
    """A column for each model, a row for each fact."""
    table = Table("")
    for role in fit.models:
        table.add_column(role.label, overflow="fold")
    columns = [_readable(_facts(model)) for model in fit.models.values()]
    for name in columns[0]:
        table.add_row(name, *(column[name] for column in columns))
    return table


def _readable(facts: dict[str, Any]) -> dict[str, str]:
    sizes = {name: size(facts.pop(name)) for name in ("weights_bytes", "kv_bytes_per_token")}
    shown = {name: _plain(value) for name, value in facts.items()}
    shown |= {"weights": sizes["weights_bytes"], "KV of a token": sizes["kv_bytes_per_token"]}
    return {name.replace("_", " "): value for name, value in shown.items()}


def size(count: int) -> str:
    """A number of bytes as people read it."""
    units = ("B", "KiB", "MiB", "GiB")
    power = max(p for p in range(len(units)) if not p or count >= 1024**p)
    return f"{count / 1024**power:.{2 if power else 0}f} {units[power]}"


def _plain(value: object) -> str:
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, list):
        return ", ".join(map(str, value)) or "none"
    return f"{value:,}" if isinstance(value, int) else str(value)


def _room(fit: Fit, budget: int, buffers: int) -> str:
    """How many tokens of context the memory holds beside weights and buffers."""
    left = budget - fit.weights - buffers
    beside = f"a GPU's buffers {size(buffers)}, " if buffers else ""
    memory = (
        f"Memory: weights {size(fit.weights)}, {beside}"
        f"a token {size(fit.kv_per_token)} in all models; "
    )
    if left < 0:
        return memory + f"of {size(budget)} free, {size(-left)} are missing."
    return (
        memory + f"{size(budget)} free hold about {left // fit.kv_per_token:,} tokens of context."
    )
