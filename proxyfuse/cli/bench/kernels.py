"""`proxyfuse bench kernels`."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Annotated, Any

from rich.table import Table

from proxyfuse.cli.bench.options import Rounds, Several, each, length, several
from proxyfuse.cli.bench.output import Output, new_table
from proxyfuse.cli.bench.plot import draw_kernels, said
from proxyfuse.cli.bench.subject import Subject
from proxyfuse.cli.engine import Engine
from proxyfuse.cli.models import Models
from proxyfuse.measure import Spread
from proxyfuse.measure.kernels import Timed, time_cases
from proxyfuse.measure.ops.case import Place
from proxyfuse.measure.ops.step import Part, step_parts

BATCHES = (1,)


@dataclass(frozen=True)
class Steps:
    """Decoding steps whose operations are timed one by one."""

    batch: Annotated[Several, several("Sequences of a step.", BATCHES)] = None
    context: Annotated[int, length("Of each sequence.")] = 512
    rounds: Rounds = 5


def kernels(models: Models, engine: Engine, steps: Steps, output: Output) -> None:
    """Time each operation of a decoding step, over inputs that no cache holds, against its floor.

    The best version here against torch's own operation and the plain reference, in turn; one that
    computes something else than the reference is refused. Weights are random: nothing is loaded.
    """
    output.require()
    subject = Subject.of(models, engine)
    place = Place.of(engine.device, engine.num_threads)
    stream = subject.read_stream()
    rows = []
    batches = each(steps.batch, BATCHES)
    parts = {
        batch: step_parts(
            place,
            subject.configs,
            batch,
            steps.context,
            subject.dtype,
            engine.base_quantization,
        )
        for batch in batches
    }
    with output.progress(sum(map(len, parts.values()))) as tick:
        for batch, of_step in parts.items():
            cases = (part.case for part in of_step)
            for part, timed in zip(
                of_step, time_cases(cases, place, stream, steps.rounds), strict=True
            ):
                rows.append(_row(batch, part, timed))
                tick(part.what)
    record = {"bench": "kernels", **subject.about(), **asdict(steps), "parts": rows}
    output.give(record, [_table(record, batch) for batch in batches], draw_kernels)


def _row(batch: int, part: Part, timed: Timed) -> dict[str, Any]:
    floors = [part.case.bytes / timed.read_bytes * read for read in timed.reads]
    spent = timed.seconds[timed.best]
    return {
        "what": part.what,
        "batch": batch,
        "roles": [role.label for role in part.times],
        "times": part.count,
        "best": timed.best,
        "step_ms": vars(Spread.of([1e3 * part.count * value for value in spent])),
        "floor_step_ms": 1e3 * part.count * Spread.of(floors).median,
        **timed.record(),
    }


def _table(record: dict[str, Any], batch: int) -> Table:
    table = new_table(
        f"a step of {batch} x {record['context']} tokens, {record['dtype']}",
        ("", "models"),
        ("times", "us", "of floor", "ms a step", "torch"),
    )
    rows = [row for row in record["parts"] if row["batch"] == batch]
    for row in rows:
        ours, torchs = (row["implementations"].get(name) for name in (row["best"], "torch"))
        table.add_row(
            *(row["what"], said(row["roles"]), str(row["times"])),
            f"{ours['us']['median']:,.1f}",
            ("" if row["cold"] else "* ") + f"{ours['share_of_floor']['median']:.0%}",
            f"{row['step_ms']['median']:.3f}",
            f"{torchs['times_slower']['median']:.2g}x" if torchs else "",
        )
    best = ", ".join(sorted({row["best"] for row in rows}))
    total = sum(row["step_ms"]["median"] for row in rows)
    floor = sum(row["floor_step_ms"] for row in rows)
    table.caption = (
        f"{best}: {total:.2f} ms a step, one operation after the other; the floor is {floor:.2f} ms"
        f" ({floor / total:.0%})\ntorch: its time over ours\n* inputs that fit into a cache"
    )
    return table
