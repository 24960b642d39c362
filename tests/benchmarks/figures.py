"""A figure that was measured, beside the one that was asked for."""

import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

from rich.console import Console
from rich.table import Table


@dataclass(frozen=True, slots=True)
class Figure:
    """What was measured; `goal` is the most that it may be, in the same unit."""

    what: str
    value: float
    goal: float
    unit: str
    note: str = ""

    @property
    def reached(self) -> bool:
        """Whether the goal is reached."""
        return self.value <= self.goal


def show(figures: Sequence[Figure], file: Path) -> None:
    """Print the table and write it as JSON."""
    table = Table("what", "measured", "goal", "reached", "note", title="Figures", title_justify="left")
    for figure in figures:
        measured, goal = (f"{value:,.1f} {figure.unit}" for value in (figure.value, figure.goal))
        table.add_row(figure.what, measured, f"≤ {goal}", "yes" if figure.reached else "NO", figure.note)
    Console().print(table)
    file.write_text(json.dumps([asdict(figure) | {"reached": figure.reached} for figure in figures], indent=1))


def percentile(values: Sequence[float], share: float) -> float:
    """The smallest value that at least `share` of the values do not exceed."""
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, int(share * len(ordered)))]
