"""What a replay reports: the waits at the log's end, and everything in the log that was not as it should be."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass
from datetime import datetime, timedelta
from itertools import groupby
from typing import Any

from rich.console import Console
from rich.table import Table
from sqlalchemy import text

from events.moments import zulu
from services.ledger.waits import Group, Wait, waits
from services.local.replay.faults import Finding, What
from services.runtime.database import engine, transient_errors
from services.runtime.settings import Settings

LINES_SHOWN = 200
_BY: tuple[Group, ...] = ("department",)
_REFUSED = text("select refused, count(*) as times from record where refused is not null group by 1 order by 1")
_KINDS: tuple[tuple[What, str], ...] = (
    ("row", "Rows that cannot be read"),
    ("case", "Cases that cannot be replayed"),
    ("contradiction", "Cases that contradict themselves"),
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Report:
    """The figures at `at`, the log's end or the moment that was asked for."""

    log: str
    at: datetime
    rows: int
    cases: int
    not_begun: int
    """Cases that began after `at`, so that nothing of them was sent."""
    events: int
    assignments: int
    """How many arrived on the departments' topics: every one that the ledger made."""
    refused: dict[str, int]
    """Answers that the loop refused, by code; each is among the contradictions."""
    findings: tuple[Finding, ...]
    waits: tuple[Wait, ...]
    seconds: float

    def count(self, what: What) -> int:
        """How many rows cannot be read, or how many cases cannot be replayed or contradict themselves."""
        found = [finding for finding in self.findings if finding.what == what]
        return len(found) if what == "row" else len({finding.case for finding in found})

    def as_json(self) -> dict[str, Any]:
        """For programs: the figures as section 3 of the contract names them, and every finding with its line."""
        return {
            "log": self.log,
            "at": zulu(self.at),
            "counts": {
                "rows": self.rows,
                "cases": self.cases,
                "notBegun": self.not_begun,
                "events": self.events,
                "assignments": self.assignments,
                "unreadableRows": self.count("row"),
                "unreadableCases": self.count("case"),
                "contradictoryCases": self.count("contradiction"),
                "refused": self.refused,
            },
            "waits": [_wait(wait) for wait in self.waits],
            "findings": [asdict(finding) for finding in self.findings],
            "seconds": round(self.seconds, 3),
        }

    def show(self, console: Console) -> None:
        """For people: the table, the counts, and where in the log something was not as it should be."""
        console.print(self._table())
        later = f", {self.not_begun} cases began later" if self.not_begun else ""
        console.print(
            f"{self.rows} rows, {self.cases} cases{later}; {self.events} events sent, {self.assignments} assignments "
            f"with their departments, in {self.seconds:.1f} s"
        )
        for what, title in _KINDS:
            if count := self.count(what):
                console.print(f"{title}: {count}")
                for message, lines in _by_message(self.findings, what):
                    console.print(f"  {message} ({len(lines)}): {_lines(lines)}", markup=False)
        if self.refused:
            said = ", ".join(f"{code} {times}" for code, times in self.refused.items())
            console.print(f"Answers that the loop refused: {said}")

    def _table(self) -> Table:
        title = f"Waits in {self.log} at {zulu(self.at)}"
        columns = (
            "department",
            "stage",
            "open",
            "overdue",
            "oldest since",
            "answered",
            "median",
            "90th",
            "met",
            "missed",
            "on time",
        )
        table = Table(*columns, title=title, title_justify="left")
        for column in table.columns[2:]:
            column.justify = "right"
        for wait in self.waits:
            oldest = zulu(wait.oldest) if wait.oldest else ""
            spans = _span(wait.median_seconds), _span(wait.p90_seconds)
            row = (wait.department, wait.stage, wait.open, wait.overdue, oldest, wait.answered, *spans)
            table.add_row(*map(str, (*row, wait.met, wait.missed, _share(wait.share_on_time))))
        return table


async def figures(settings: Settings, at: datetime) -> tuple[list[Wait], dict[str, int]]:
    """The waits by department and stage with `at` as now, and how often which answer was refused."""
    database = engine(settings, pool_size=1)
    try:
        async with transient_errors(), database.connect() as connection:
            found = await waits(connection, at, by=_BY)
            refused = {row.refused: row.times for row in await connection.execute(_REFUSED)}
    finally:
        await database.dispose()
    return found, refused


def _wait(wait: Wait) -> dict[str, Any]:
    return {
        "department": wait.department,
        "stage": wait.stage,
        "open": wait.open,
        "overdue": wait.overdue,
        "oldest": zulu(wait.oldest) if wait.oldest else None,
        "met": wait.met,
        "missed": wait.missed,
        "answered": wait.answered,
        "medianSeconds": wait.median_seconds,
        "p90Seconds": wait.p90_seconds,
        "shareOnTime": wait.share_on_time,
    }


def _by_message(findings: Iterable[Finding], what: What) -> list[tuple[str, list[int]]]:
    found = sorted((finding.message, finding.line) for finding in findings if finding.what == what)
    return [(message, [line for _, line in group]) for message, group in groupby(found, key=lambda pair: pair[0])]


def _lines(lines: Sequence[int]) -> str:
    more = f" and {len(lines) - LINES_SHOWN} more (--json lists all)" if len(lines) > LINES_SHOWN else ""
    word = "line" if len(lines) == 1 else "lines"
    return f"{word} {', '.join(map(str, lines[:LINES_SHOWN]))}{more}"


def _share(share: float | None) -> str:
    return "" if share is None else f"{share:.1%}"


def _span(seconds: float | None) -> str:
    """Days, hours, minutes and seconds, to the millisecond where it counts."""
    if seconds is None:
        return ""
    span = timedelta(milliseconds=round(seconds * 1000))
    clock = str(timedelta(seconds=span.seconds, microseconds=span.microseconds)).removesuffix("000")
    return f"{span.days}d {clock}" if span.days else clock
