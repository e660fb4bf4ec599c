"""One panel an axis: milliseconds a token, with the extremes of all rounds."""

from __future__ import annotations

from collections.abc import Mapping
from importlib.util import find_spec
from pathlib import Path
from typing import Any

Axes = Mapping[str, Mapping[str, Any]]


def plot(axes: Axes, file: Path) -> None:
    """Draw the axes of a scaling record; exits with a message where matplotlib is missing."""
    if find_spec("matplotlib") is None:
        raise SystemExit("--plot: matplotlib is not installed; pip install 'proxyfuse[bench]'")
    from matplotlib.figure import Figure

    figure = Figure(figsize=(4 * len(axes), 3.5), layout="constrained")
    panels = figure.subplots(1, len(axes), squeeze=False)[0]
    for panel, (axis, points) in zip(panels, axes.items(), strict=True):
        _draw(panel, points)
        panel.set_xlabel(axis.replace("_", " "))
        panel.set_xscale("log", base=2)
        panel.set_ylim(bottom=0)
    panels[0].set_ylabel("ms a token")
    panels[0].legend()
    figure.savefig(file, dpi=150)


def _draw(panel: Any, points: Mapping[str, Any]) -> None:
    values = [int(value) for value in points]
    names = next(iter(points.values()))["ms_per_token"]
    for name in names:
        spreads = [found["ms_per_token"][name] for found in points.values()]
        line = panel.plot(values, [it["median"] for it in spreads], marker="o", label=name)
        least, most = ([it[which] for it in spreads] for which in ("least", "most"))
        panel.fill_between(values, least, most, alpha=0.2, color=line[0].get_color())
