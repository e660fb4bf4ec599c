"""The README's table, from the newest committed results.

python -m bench.readme             rewrite it
python -m bench.readme --check     fail where it is stale
"""

from __future__ import annotations

import argparse
import json
import sys
from pathlib import Path
from typing import Any

from bench.harness import RESULTS

README = RESULTS.parent.parent / "README.md"
BEGIN, END = "<!-- figures: python -m bench.readme -->\n", "<!-- end of figures -->"
LOOP = "Hugging Face loop, "


def newest(name: str) -> tuple[Path, dict[str, Any]]:
    """The latest record of a bench, and its file."""
    records = [(path, json.loads(path.read_text())) for path in RESULTS.glob(f"*/*-{name}.json")]
    return max(records, key=lambda found: str(found[1]["date"]))


def table() -> str:
    """The figures as Markdown."""
    sources = [newest(name) for name in ("latency", "throughput", "memory")]
    (_, latency), (_, throughput), (_, memory) = sources
    rows = ["| | proxyfuse | Hugging Face, three models | ratio |", "|---|---|---|---|"]
    rows += [_latency_row(name, latency[name]) for name in ("demo", "mid") if name in latency]
    rows += [_throughput_row(name, throughput[name]) for name in ("demo",) if name in throughput]
    shares = [_floor_row(name, latency[name]) for name in ("demo", "mid") if name in latency]
    peak = f"- peak memory (mid): {memory['peak_over_sum']:.2f} of weights + arena + bare runtime"
    return "\n".join([*rows, "", *shares, peak, "", _origin(sources), ""])


def _latency_row(name: str, figures: dict[str, Any]) -> str:
    way = _best_loop(figures["ms_per_token"], min)
    mine = figures["ms_per_token"]["proxyfuse"]["median"]
    theirs, ratio = figures["ms_per_token"][way]["median"], figures["times_faster_than"][way]
    shown = f"{mine:.2f} ms/token | {theirs:.1f} ms/token"
    return f"| {name} trio, batch 1, bf16 | {shown} | {_times(ratio)} |"


def _throughput_row(name: str, figures: dict[str, Any]) -> str:
    way = _best_loop(figures["tokens_per_second"], max)
    mine = figures["tokens_per_second"]["proxyfuse"]["median"]
    theirs, ratio = figures["tokens_per_second"][way]["median"], figures["times_faster_than"][way]
    what = f"{name} trio, {figures['requests']} requests, {figures['concurrent']} at a time"
    return f"| {what} | {mine:,.0f} tokens/s | {theirs:,.0f} tokens/s | {_times(ratio)} |"


def _best_loop(figures: dict[str, Any], best: Any) -> str:
    """The loop's better type: that is the one to beat."""
    loops = [way for way in figures if way.startswith(LOOP)]
    chosen: str = best(loops, key=lambda way: figures[way]["median"])
    return chosen


def _times(ratio: dict[str, float]) -> str:
    return f"{ratio['median']:.1f}x ({ratio['least']:.1f} to {ratio['most']:.1f})"


def _floor_row(name: str, figures: dict[str, Any]) -> str:
    share = {way: spread["median"] for way, spread in figures["share_of_floor"].items()}
    base = figures["times_faster_than"]["proxyfuse, base alone"]["median"]
    return (
        f"- {name}, batch 1: {share['proxyfuse']:.0%} of the memory floor of the trio"
        f" ({share['proxyfuse, base alone']:.0%} for the base alone);"
        f" a steered token takes {1 / base:.2f} times one of the base alone"
    )


def _origin(sources: list[tuple[Path, dict[str, Any]]]) -> str:
    about = sources[0][1]["machine"]
    commits = sorted({record["commit"] for _, record in sources})
    files = ", ".join(f"`{path.relative_to(README.parent)}`" for path, _ in sources)
    return (
        f"{about['cores']} cores of an {about['cpu']} (shared), torch {about['torch']}, commit"
        f" {', '.join(commits)}: {files}"
    )


def main() -> None:
    """Rewrite the table, or check it."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--check", action="store_true")
    check = parser.parse_args().check
    text = README.read_text(encoding="utf-8")
    head, _, rest = text.partition(BEGIN)
    made = head + BEGIN + table() + END + rest.partition(END)[2]
    if check and made != text:
        sys.exit(
            "README.md: the figures are not those of bench/results; run python -m bench.readme"
        )
    README.write_text(made, encoding="utf-8")


if __name__ == "__main__":
    main()
