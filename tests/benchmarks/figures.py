"""A figure that was measured, beside the one that was asked for; and a ratio of two measured side by side."""

import json
import statistics
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

from rich.console import Console
from rich.table import Table

RECORDED = "recorded"
"""Stands in the place of a goal where there is none."""


@dataclass(frozen=True, slots=True)
class Figure:
    """What was measured; `goal` is the most that it may be, in the same unit; None: it is only recorded."""

    what: str
    value: float
    goal: float | None
    unit: str
    note: str = ""

    @property
    def reached(self) -> bool | None:
        """Whether the goal is reached; None where there is none."""
        return None if self.goal is None else self.value <= self.goal


@dataclass(frozen=True, slots=True)
class Ratio:
    """Two things measured side by side in the same rounds.

    `goal` is the least that the first may be of the second; None: it is only recorded.
    """

    what: str
    ours: Sequence[float]
    theirs: Sequence[float]
    goal: float | None
    unit: str

    @property
    def each(self) -> list[float]:
        """The ratio in each round: what disturbs a round disturbs both."""
        return [one / other for one, other in zip(self.ours, self.theirs, strict=True)]

    @property
    def value(self) -> float:
        """The median of the rounds' ratios."""
        return statistics.median(self.each)

    @property
    def reached(self) -> bool | None:
        """Whether the goal is reached; None where there is none."""
        return None if self.goal is None else self.value >= self.goal


def show(figures: Sequence[Figure], ratios: Sequence[Ratio], file: Path) -> None:
    """Print a table of each and write both as JSON."""
    console = Console()
    if figures:
        console.print(_figures(figures))
    if ratios:
        console.print(_ratios(ratios))
    found = {
        "figures": [asdict(one) | {"reached": one.reached} for one in figures],
        "ratios": [asdict(one) | {"value": one.value, "reached": one.reached} for one in ratios],
    }
    file.write_text(json.dumps(found, indent=1))


def percentile(values: Sequence[float], share: float) -> float:
    """The smallest value that at least `share` of the values do not exceed."""
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, int(share * len(ordered)))]


def _figures(figures: Sequence[Figure]) -> Table:
    table = Table("what", "measured", "goal", "reached", "note", title="Figures", title_justify="left")
    for figure in figures:
        goal = RECORDED if figure.goal is None else f"≤ {figure.goal:,.1f} {figure.unit}"
        measured = f"{figure.value:,.1f} {figure.unit}"
        table.add_row(figure.what, measured, goal, _said(figure.reached), figure.note)
    return table


def _ratios(ratios: Sequence[Ratio]) -> Table:
    title = "Ratios: medians of the rounds, and the spread"
    table = Table("what", "measured", "against", "ratio", "goal", "reached", title=title, title_justify="left")
    for ratio in ratios:
        rates = (f"{_middle(values, '{:,.0f}')} {ratio.unit}" for values in (ratio.ours, ratio.theirs))
        goal = RECORDED if ratio.goal is None else f"≥ {ratio.goal}"
        table.add_row(ratio.what, *rates, _middle(ratio.each, "{:.2f}"), goal, _said(ratio.reached))
    return table


def _middle(values: Sequence[float], form: str) -> str:
    middle, least, most = (form.format(value) for value in (statistics.median(values), min(values), max(values)))
    return f"{middle} ({least} to {most})"


def _said(reached: bool | None) -> str:
    return "" if reached is None else "yes" if reached else "NO"
