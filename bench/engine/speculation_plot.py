"""One panel a text and temperature: measured, modelled, without drafts, and the base alone."""

from __future__ import annotations

from collections.abc import Mapping
from importlib.util import find_spec
from pathlib import Path
from typing import Any


def plot(found: Mapping[str, Mapping[str, Any]], file: Path) -> None:
    """Draw the settings that were modelled; exits with a message where matplotlib is missing."""
    if find_spec("matplotlib") is None:
        raise SystemExit("--plot: matplotlib is not installed; pip install 'proxyfuse[bench]'")
    from matplotlib.figure import Figure

    settings = {name: figures for name, figures in found.items() if "modelled" in figures}
    figure = Figure(figsize=(3.6 * len(settings), 3.4), layout="constrained")
    panels = figure.subplots(1, len(settings), squeeze=False, sharey=True)[0]
    for panel, (name, figures) in zip(panels, settings.items(), strict=True):
        _draw(panel, figures)
        panel.set_title(f"{name} (rate {figures['modelled']['rate']:.2f})", fontsize=9)
        panel.set_xlabel("drafts")
    panels[0].set_ylabel("ms a token")
    panels[0].set_ylim(bottom=0)
    panels[0].legend(fontsize=8)
    figure.savefig(file, dpi=120)


def _draw(panel: Any, figures: Mapping[str, Any]) -> None:
    spent = figures["ms_per_token"]
    counts = [name for name in spent if name.isdigit()]
    at = [int(name) for name in counts]
    least, most = ([spent[name][which] for name in counts] for which in ("least", "most"))
    panel.plot(at, [spent[name]["median"] for name in counts], marker="o", label="measured")
    panel.fill_between(at, least, most, alpha=0.2)
    panel.plot(at, [figures["modelled"][name] for name in counts], "--", label="modelled")
    for name, style in (("auto", "-."), ("base alone", ":")):
        panel.axhline(spent[name]["median"], linestyle=style, color="gray", label=name)
