"""The live table: who waits how long, per department, and what happened lately."""

from collections.abc import Iterable, Mapping
from datetime import UTC, datetime
from typing import Any

from rich.console import Group, RenderableType
from rich.panel import Panel
from rich.table import Table
from rich.text import Text

from events.moments import parse_moment
from services.agreements.model import Agreements
from services.local.demo.chronicle import Chronicle
from services.local.demo.departments import HABITS, PROMPT

COLUMNS = (
    ("afdeling", "left"),
    ("gewoonte", "left"),
    ("wacht op\nontvangst", "right"),
    ("wacht op\nafhandeling", "right"),
    ("wacht op\nhet team", "right"),
    ("te laat", "right"),
    ("langste\nwachttijd", "right"),
    ("op tijd\nbevestigd", "right"),
    ("op tijd\nafgehandeld", "right"),
)
COUNTED = {
    "assignments.acknowledged": "bevestigd",
    "assignments.reminded": "herinnerd",
    "assignments.escalated": "erbij geroepen",
    "assignments.handed-over": "overgedragen",
    "assignments.extended": "verdaagd",
    "assignments.resolved": "afgehandeld",
    "signals.contested": "betwist",
    "signals.closed:confirmed": "door het team bevestigd",
}
"""What the line under the table counts, and the words for it."""


def render(agreements: Agreements, waits: Iterable[Mapping[str, Any]], chronicle: Chronicle) -> RenderableType:
    """The table and the last lines; `waits` as the gateway gives them, per department, kind and stage."""
    rows = list(waits)
    table = Table(title=f"{agreements.municipality.name}: wie wacht hoe lang", title_justify="left", expand=True)
    for name, justify in COLUMNS:
        table.add_column(name, justify=justify)  # type: ignore[arg-type]  # rich's literal, in a table of ours
    for code, department in agreements.departments.items():
        mine = [row for row in rows if row["department"] == code]
        table.add_row(department.name, HABITS.get(code, PROMPT).name, *_figures(mine))
    table.caption = ", ".join(f"{chronicle.heard[name]} {word}" for name, word in COUNTED.items())
    table.caption_justify = "left"
    lines = Text("\n".join(chronicle.lines) or "Nog niets gebeurd.", overflow="ellipsis", no_wrap=True)
    return Group(table, Panel(lines, title="wat er gebeurt", title_align="left"))


def _figures(rows: list[Mapping[str, Any]]) -> list[RenderableType]:
    late = sum(row["overdue"] for row in rows)
    oldest = min((row["oldest"] for row in rows if row["oldest"]), default=None)
    return [
        *(str(_sum(rows, stage, "open")) for stage in ("acknowledge", "resolve", "confirm")),
        Text(f"{late} te laat", style="bold yellow") if late else "0",
        _age(oldest),
        _share(rows, "acknowledge"),
        _share(rows, "resolve"),
    ]


def _sum(rows: list[Mapping[str, Any]], stage: str, figure: str) -> int:
    return sum(row[figure] for row in rows if row["stage"] == stage)


def _share(rows: list[Mapping[str, Any]], stage: str) -> str:
    """The share on time, counting who still waits past the promise."""
    met, missed = _sum(rows, stage, "met"), _sum(rows, stage, "missed")
    late = sum(row["overdueUndecided"] for row in rows if row["stage"] == stage and "overdueUndecided" in row)
    total = met + missed + late
    return f"{met}/{total}" if total else "-"


def _age(oldest: str | None) -> str:
    if oldest is None:
        return "-"
    seconds = int((datetime.now(UTC) - parse_moment(oldest)).total_seconds())
    return f"{seconds // 60}:{max(seconds, 0) % 60:02}"
