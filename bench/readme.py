"""The README's table, from the newest committed results.

python -m bench.readme             rewrite it
python -m bench.readme --check     fail where it is stale
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from statistics import median
from typing import Any

from bench.engine.reads import STATES
from bench.harness import RESULTS
from bench.peers.lineup import MINE, MY_BASE
from bench.wording import MARKS, said, seen

README = RESULTS.parent.parent / "README.md"
BEGIN, END = "<!-- figures: python -m bench.readme -->\n", "<!-- end of figures -->"
NAMES = ("latency", "throughput", "memory")
Record = dict[str, Any]


@dataclass(frozen=True)
class Case:
    """A column of the table: each peer's figure, and how many times faster this engine is."""

    title: str
    unit: str
    figures: dict[str, dict[str, float]]
    times_faster: dict[str, dict[str, float]]


def newest(name: str, results: Path = RESULTS, machine: str = "*") -> tuple[Path, Record] | None:
    """The latest whole record of a bench in today's form, and its file; others are named."""
    present = []
    for path in sorted(results.glob(f"{machine}/*-{name}.json")):
        record = json.loads(path.read_text(encoding="utf-8"))
        if record.get("bench", name) != name:  # embed-latency is not latency
            continue
        if _interrupted(record):
            print(f"{path.name}: interrupted, left out of the table", file=sys.stderr)
        elif {"trios", "missing"} <= record.keys() or "settings" in record:
            present.append((path, record))
        else:
            print(f"{path.name}: a record of an older form, left out of the table", file=sys.stderr)
    return max(present, key=lambda found: str(found[1]["date"]), default=None)


def _interrupted(record: Record) -> bool:
    """Whether trios of it are missing, or rivals and cases of one."""
    parts = [record, *record.get("trios", {}).values()]
    return any(part.get("interrupted", False) for part in parts)


def table(results: Path = RESULTS) -> str | None:
    """The figures as Markdown; None where not every bench of the table has a record yet.

    All are of the machine whose latency was measured last, of those that have them all: what a GPU
    has no record of must not keep another machine's table as it was.
    """
    sources = _sources(results)
    if sources is None:
        return None
    machine = sources[0][0].parent.name
    latency, throughput, memory = (record for _, record in sources)
    cases = [*_latencies(latency), *_throughputs(throughput)]
    rows = [
        "| | " + " | ".join(case.title for case in cases) + " |",
        "|---" * (len(cases) + 1) + "|",
    ]
    names = dict.fromkeys(name for case in cases for name in case.figures)
    rows += [_row(name, cases) for name in names]
    drafting = newest("speculation", results, machine)
    if drafting is not None:
        sources.append(drafting)
        rows += ["", *_drafting(drafting[1])]
    missing = dict.fromkeys(why for record in (latency, throughput) for why in record["missing"])
    notes = [
        *_links(latency),
        *_floors(latency),
        *_peaks(memory),
        *(f"- not measured: {why}" for why in missing),
    ]
    return "\n".join([*rows, "", *notes, "", _origin(sources, results), ""])


def _sources(results: Path) -> list[tuple[Path, Record]] | None:
    """The newest record of each bench of the table, of one machine."""
    complete = []
    for folder in sorted(it for it in results.glob("*") if it.is_dir()):
        its = [found for name in NAMES if (found := newest(name, results, folder.name))]
        if len(its) == len(NAMES):
            complete.append(its)
    return max(complete, key=lambda its: str(its[0][1]["date"]), default=None)


def _latencies(record: Record) -> Iterator[Case]:
    for trio, its in record["trios"].items():
        for batch, found in its["batches"].items():
            title = f"{trio}, batch {batch}"
            yield Case(title, "ms/token", found["ms_per_token"], found["times_faster_than"])


def _throughputs(record: Record) -> Iterator[Case]:
    for trio, its in record["trios"].items():
        concurrent, found = list(its["concurrency"].items())[-1]
        title = f"{trio}, {its['requests']} requests, {concurrent} at a time"
        yield Case(title, "tokens/s", found["tokens_per_second"], found["times_faster_than"])


def _drafting(record: Record) -> Iterator[str]:
    """Speculation on the demo trio, setting by setting."""
    yield "| demo, batch 1, bf16 | base alone | no drafts | **drafts** | tokens a base pass |"
    yield "|---" * 5 + "|"
    for name, found in record["settings"].items():
        spent = {engine: it["median"] for engine, it in found["ms_per_token"].items()}
        alone = found["times_faster_than_base_alone"]["auto"]
        plain = found["times_faster_than_no_drafts"]["auto"]
        yield (
            f"| {name} | {spent['base alone']:.3g} ms/token: {said('drafts', alone)}"
            f" | {spent['0']:.3g}: {said('drafts', plain)} | **{spent['auto']:.3g}**"
            f" | {found['tokens_per_base_pass']['auto']:.2f} |"
        )


def _row(name: str, cases: list[Case]) -> str:
    label = f"**{name}**" if name == MINE else name
    return f"| {label} | " + " | ".join(_cell(name, case) for case in cases) + " |"


def _cell(name: str, case: Case) -> str:
    """The rival's figure and who is faster: where the rival is, that is what stands out."""
    if name not in case.figures:
        return ""
    median = case.figures[name]["median"]
    shown = f"{median:,.0f}" if median >= 100 else f"{median:.3g}"
    if name == MINE:
        return f"**{shown} {case.unit}**"
    return f"{shown}: {said(MINE, case.times_faster[name])}"


def _floors(record: Record) -> Iterator[str]:
    for trio, its in record["trios"].items():
        found = its["batches"].get("1")
        if found is not None and MY_BASE in found["share_of_floor"]:
            share = {name: spread["median"] for name, spread in found["share_of_floor"].items()}
            base = seen(found["times_faster_than"][MY_BASE])["median"]
            yield (
                f"- {trio}, batch 1: {share[MINE]:.0%} of the memory floor of the trio"
                f" ({share[MY_BASE]:.0%} for the base alone);"
                f" a steered token takes {1 / base:.2f} times one of the base alone"
            )


def _links(record: Record) -> Iterator[str]:
    """What the marks mean, and how fast memory was in each state."""
    rates: dict[str, list[float]] = {}
    for its in record["trios"].values():
        for found in its["batches"].values():
            for state in STATES:
                if state in found.get("read_gb_per_s", {}):
                    rates.setdefault(state, []).append(found["read_gb_per_s"][state]["median"])
    for state, mark in MARKS.items():
        if state in rates:
            yield (
                f"- {mark} the cores on {state} to memory, {median(rates[state]):.0f} GB/s"
                " ([why it matters](docs/findings/one-link-or-two.md))"
            )


def _peaks(record: Record) -> Iterator[str]:
    for trio, its in record["trios"].items():
        share = its["peak_over_sum"]
        yield f"- peak memory ({trio}): {share:.2f} of weights + arena + bare runtime"


def _origin(sources: list[tuple[Path, Record]], results: Path) -> str:
    about = sources[0][1]["machine"]
    commits = sorted({record["commit"] for _, record in sources})
    files = ", ".join(f"`bench/results/{path.relative_to(results)}`" for path, _ in sources)
    return (
        f"{about['cores']} cores of an {about['cpu']} (shared), torch {about['torch']}, commit"
        f" {', '.join(commits)}: {files}"
    )


def renewed(text: str, results: Path = RESULTS) -> str:
    """A README with the table that the results now give; as it was, where they give none."""
    head, _, rest = text.partition(BEGIN)
    made = table(results)
    return text if made is None else head + BEGIN + made + END + rest.partition(END)[2]


def main() -> None:
    """Rewrite the table, or check it."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--check", action="store_true")
    check = parser.parse_args().check
    text = README.read_text(encoding="utf-8")
    made = renewed(text)
    if check and made != text:
        sys.exit(
            "README.md: the figures are not those of bench/results; run python -m bench.readme"
        )
    README.write_text(made, encoding="utf-8")


if __name__ == "__main__":
    main()
