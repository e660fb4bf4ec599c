"""`proxyfuse bench latency`."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Annotated, Any

from proxyfuse.cli.bench.latency_tables import by_batch_table, by_prompt_table
from proxyfuse.cli.bench.options import Rounds, Several, each, length, several
from proxyfuse.cli.bench.output import Output, Tick
from proxyfuse.cli.bench.plot import draw_latency
from proxyfuse.cli.bench.subject import Subject, Way
from proxyfuse.cli.bench.writing import Written, write
from proxyfuse.cli.engine import Engine
from proxyfuse.cli.models import Models
from proxyfuse.measure import ReadStream, Spread, percentile, ratios, seconds, share_of_floor

LEAD_IN = 2  # tokens
BATCHES, LENGTHS = (1, 8), (16, 64, 256)
FIRST = "Lengths of prompts whose first token is timed; batches use the shortest."


@dataclass(frozen=True)
class Workload:
    """Random prompts, continued greedily past any end of text."""

    batch: Annotated[Several, several("Sequences written together.", BATCHES)] = None
    prompt_tokens: Annotated[Several, several(FIRST, LENGTHS, metavar="TOKENS")] = None
    tokens: Annotated[int, length("Of each continuation.", least=2)] = 64
    rounds: Rounds = 5

    @property
    def batches(self) -> list[int]:
        """Each once, ascending."""
        return each(self.batch, BATCHES)

    @property
    def lengths(self) -> list[int]:
        """Each once, ascending."""
        return each(self.prompt_tokens, LENGTHS)


@dataclass(frozen=True)
class Timing:
    """Every way's writing in every round, and a plain read of memory in the same rounds."""

    written: dict[str, list[Written]]
    reads: list[float]


def latency(models: Models, engine: Engine, workload: Workload, output: Output) -> None:
    """Time one token: by batch size, and the first one by the prompt's length.

    The trio steered, the same without drafting ahead where drafts are made, and the base alone, in
    turn. A text that depends on its batch, or scores otherwise when read back, is not timed.
    """
    output.require()
    subject = Subject.of(models, engine)
    runs = len(workload.batches) + len(workload.lengths)
    room = max(workload.lengths) + workload.tokens
    with (
        output.progress(runs * (workload.rounds + 1)) as tick,
        subject.opened(max(workload.batches), room) as opened,
    ):
        ways, stream, shortest = opened.ways, subject.read_stream(), workload.lengths[0]

        def timed(batch: int, length: int, tokens: int) -> Timing:
            return measure(subject, ways, stream, (batch, length, tokens), workload.rounds, tick)

        by_batch = {batch: timed(batch, shortest, workload.tokens) for batch in workload.batches}
        by_prompt = {length: timed(1, length, 1) for length in workload.lengths}
    record = {
        "bench": "latency",
        **subject.about(),
        **asdict(workload),
        "read_bytes": stream.bytes,
        "peak_memory_bytes": opened.peak,
        **_figures(ways, by_batch, by_prompt, stream.bytes),
    }
    output.give(
        record, [by_batch_table(record), by_prompt_table(record)], draw_latency, opened.notes
    )


def measure(
    subject: Subject,
    ways: Sequence[Way],
    stream: ReadStream,
    sizes: tuple[int, int, int],
    count: int,
    tick: Tick,
) -> Timing:
    """Rounds of (batch, tokens of prompt, tokens) in every way in turn; the first warms up."""
    batch, length, tokens = sizes
    timing = Timing({way.name: [] for way in ways}, [])
    for turn in range(count + 1):
        prompts = subject.prompts(batch, length, seed=turn)
        written = {}
        for way in ways:
            write(way, prompts[:1], LEAD_IN)  # wakes the threads that its neighbour put to sleep
            written[way.name] = write(way, prompts, tokens)
        read = seconds(stream)
        if turn:
            timing.reads.append(read)
            for name, one in written.items():
                timing.written[name].append(one)
        tick(f"{batch} x ({length} + {tokens}) tokens")
    return timing


def _figures(
    ways: Sequence[Way],
    by_batch: dict[int, Timing],
    by_prompt: dict[int, Timing],
    stream_bytes: int,
) -> dict[str, Any]:
    return {
        "by_batch": {
            batch: {way.name: _by_token(way, timing, stream_bytes, batch) for way in ways}
            for batch, timing in by_batch.items()
        },
        "by_prompt": {
            length: {name: _first(rounds) for name, rounds in timing.written.items()}
            for length, timing in by_prompt.items()
        },
        "steered_over_base": {
            batch: vars(_times_the_base(timing)) for batch, timing in by_batch.items()
        },
    }


def _by_token(way: Way, timing: Timing, stream_bytes: int, batch: int) -> dict[str, Any]:
    """One way's figures at one batch size."""
    rounds = timing.written[way.name]
    spent = [one.per_token for one in rounds]
    floors = [way.weights / stream_bytes * read for read in timing.reads]
    gaps = [gap for one in rounds for gap in one.gaps]
    return {
        "ms_per_token": vars(Spread.of([1e3 * value for value in spent])),
        "ms_p99_between_arrivals": 1e3 * percentile(gaps, 0.99),
        "tokens_per_second": vars(Spread.of([batch / value for value in spent])),
        "floor_ms": vars(Spread.of([1e3 * value for value in floors])),
        "share_of_floor": vars(
            share_of_floor(timing.reads, spent, stream_bytes, way.weights),
        ),
        "tokens_per_base_pass": vars(Spread.of([one.per_pass for one in rounds])),
    }


def _first(rounds: Sequence[Written]) -> dict[str, Any]:
    return {"first_token_ms": vars(Spread.of([1e3 * one.first for one in rounds]))}


def _times_the_base(timing: Timing) -> Spread:
    """The first way against the last: 1 where there is but one."""
    spent = [[one.per_token for one in rounds] for rounds in timing.written.values()]
    return ratios(spent[0], spent[-1])
