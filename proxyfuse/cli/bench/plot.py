"""Pictures of records, by matplotlib where it is installed."""

from __future__ import annotations

from typing import Any

from proxyfuse.errors import ConfigError

INK, FLOOR = "#4062bb", "#c4c9d4"


def new_figure(panels: int) -> tuple[Any, list[Any]]:
    """A figure, and its panels side by side; raises `ConfigError` without matplotlib."""
    try:
        from matplotlib.figure import Figure
    except ImportError as error:
        raise ConfigError(
            "--plot: matplotlib is not installed, want pip install 'proxyfuse[bench]'"
        ) from error
    figure = Figure(figsize=(6.4 * panels, 4.2), layout="constrained", dpi=150)
    axes = figure.subplots(1, panels, squeeze=False)[0]
    for panel in axes:
        panel.spines[["top", "right"]].set_visible(False)
    return figure, list(axes)


def draw_latency(record: dict[str, Any], file: str) -> None:
    """Milliseconds a token by batch size over their floor, and to the first token by prompt."""
    figure, (decode, first) = new_figure(2)
    ways = list(next(iter(record["by_batch"].values())))
    for way in ways:
        rows = [(int(batch), found[way]) for batch, found in record["by_batch"].items()]
        _line(decode, [(batch, row["ms_per_token"]) for batch, row in rows], way)
        floor = [row["floor_ms"]["median"] for _, row in rows]
        colour = decode.lines[-1].get_color()
        decode.plot([batch for batch, _ in rows], floor, ":", color=colour, label=f"{way}, floor")
        prompts = record["by_prompt"].items()
        _line(first, [(int(n), found[way]["first_token_ms"]) for n, found in prompts], way)
    _finish(decode, "sequences", "milliseconds a token")
    _finish(first, "tokens of prompt", "milliseconds to the first token")
    figure.savefig(file)


def draw_throughput(record: dict[str, Any], file: str) -> None:
    """Tokens a second against concurrency."""
    figure, (panel,) = new_figure(1)
    levels = record["by_concurrency"]
    for way in next(iter(levels.values())):
        points = [(int(c), found[way]["tokens_per_second"]) for c, found in levels.items()]
        _line(panel, points, way)
    _finish(panel, "requests at a time", "tokens a second")
    figure.savefig(file)


def draw_kernels(record: dict[str, Any], file: str) -> None:
    """Each operation's milliseconds of a step over its floor."""
    figure, (panel,) = new_figure(1)
    rows = record["parts"][::-1]
    names = [f"{row['what']}, {said(row['roles'])}, {row['batch']} x" for row in rows]
    panel.barh(names, [row["step_ms"]["median"] for row in rows], color=INK, label="measured")
    floors = [row["floor_step_ms"] for row in rows]
    panel.barh(names, floors, color=FLOOR, height=0.4, label="floor")
    panel.set_xscale("log")
    panel.set_xlabel("milliseconds of a step")
    panel.tick_params(axis="y", labelsize=6)
    panel.legend(frameon=False)
    figure.set_size_inches(8, 1.5 + 0.2 * len(rows))
    figure.savefig(file)


def said(roles: list[str]) -> str:
    """Who runs an operation, in a word."""
    return {0: "fused", 2: "proxies", 3: "all"}.get(len(roles)) or roles[0]


def _line(panel: Any, points: list[tuple[int, dict[str, float]]], label: str) -> None:
    """Medians with bars from the least to the most."""
    at = [x for x, _ in points]
    middle = [spread["median"] for _, spread in points]
    below = [spread["median"] - spread["least"] for _, spread in points]
    above = [spread["most"] - spread["median"] for _, spread in points]
    panel.errorbar(at, middle, (below, above), marker="o", capsize=3, label=label)


def _finish(panel: Any, across: str, up: str) -> None:
    at = sorted({x for line in panel.lines for x in line.get_xdata()})
    panel.set_xscale("log", base=2)
    panel.set_xticks(at, labels=[f"{x:g}" for x in at])
    panel.set_ylim(bottom=0)
    panel.set_xlabel(across)
    panel.set_ylabel(up)
    panel.legend(frameon=False, fontsize="small", loc="center right")
