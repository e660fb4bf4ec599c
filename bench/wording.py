"""Ratios in words: who is faster, how much, and in which state of the machine that was seen."""

from __future__ import annotations

from typing import Any

from bench.engine.reads import NARROW, STATES, WIDE

MARKS = {NARROW: "¹", WIDE: "²"}
Ratio = dict[str, Any]  # a spread, and one for each state of the machine


def said(mine: str, ratio: Ratio) -> str:
    """Who is faster and how much, in each state that the machine was seen in."""
    marks = [(mark, ratio[state]) for state, mark in MARKS.items() if state in ratio]
    return ", ".join(
        f"{mine} {_times(its)}{mark}"
        if its["median"] >= 1
        else f"**it is faster**, {_times(_turned(its))}{mark}"
        for mark, its in marks or [("", ratio)]
    )


def seen(ratio: Ratio) -> Ratio:
    """That of the first state of the machine in which it was seen."""
    return next((ratio[state] for state in STATES if state in ratio), ratio)


def _turned(ratio: dict[str, float]) -> dict[str, float]:
    return {
        "median": 1 / ratio["median"],
        "least": 1 / ratio["most"],
        "most": 1 / ratio["least"],
    }


def _times(ratio: dict[str, float]) -> str:
    return f"{ratio['median']:.2g}x ({ratio['least']:.2g} to {ratio['most']:.2g})"
