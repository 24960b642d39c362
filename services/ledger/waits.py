"""Who waits how long, by department, kind and stage, at one moment; what still waits is counted too.

`../shared/reference/waiting.md` says why: an average of what was answered hides whoever was never answered.
"""

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Literal

from sqlalchemy import DateTime, Text, bindparam, text
from sqlalchemy.ext.asyncio import AsyncConnection

from events.outcomes import Stage
from events.signals import CANARY
from services.ledger.grievances import oldest_happened

Group = Literal["department", "kind"]
_GROUPS: tuple[Group, ...] = ("department", "kind")

FIGURES: dict[Stage, dict[str, str]] = {
    "acknowledge": {
        "is_open": "assignment.state = 'waiting'",
        "due": "assignment.acknowledge_by",
        "since": "assignment.waiting_since",
        "verdict": "assignment.acknowledge",
        "counts": "true",
        "answered": "assignment.acknowledged_at - assignment.waiting_since",
    },
    "resolve": {
        "is_open": "assignment.state in ('waiting', 'acknowledged')",
        "due": "assignment.resolve_first",
        "since": "assignment.waiting_since",
        "verdict": "assignment.resolve",
        # Decided before it was handed over to this department: not counted again (contract 2).
        "counts": "not assignment.resolve_inherited",
        "answered": "assignment.resolved_at - assignment.waiting_since",
    },
    "confirm": {
        "is_open": "asked.id is not null",
        "due": "asked.confirm_by",
        "since": "asked.proposed_at",
        "verdict": "assignment.confirm",
        "counts": "true",
        "answered": "assignment.answered_at - assignment.asked_at",
    },
}
"""What each stage waits for, in the columns of an assignment and of the signal whose team is `asked`."""

OPEN = """
    count(*) filter (where {is_open}) as {stage}_open,
    count(*) filter (where {is_open} and {due} < :now) as {stage}_overdue,
    min({since}) filter (where {is_open}) as {stage}_oldest,
    count(*) filter (where {is_open} and {due} < :now and {verdict} is null) as {stage}_late
"""
DECIDED = """
    count(*) filter (where {verdict} = 'met' and {counts}) as {stage}_met,
    count(*) filter (where {verdict} = 'missed' and {counts}) as {stage}_missed,
    count({answered}) as {stage}_answered,
    percentile_cont(array[0.5, 0.9]) within group (order by cast(extract(epoch from {answered}) * 1000 as bigint))
        as {stage}_milliseconds
"""
"""The figures of one stage: of what still waits at `:now`, and of what was decided and answered."""

_FROM = f"""
    from assignment left join signal as asked
        on asked.id = assignment.signal and asked.state = 'resolved' and assignment.state = 'resolved'
    where assignment.kind <> '{CANARY}'
      and (cast(:department as text) is null or assignment.department = :department)
      and (cast(:kind as text) is null or assignment.kind = :kind)
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Wait:
    """The waits of one group and stage."""

    department: str | None  # None where the groups are not told apart by it
    kind: str | None
    stage: Stage
    open: int  # how many still wait for this stage
    overdue: int  # and how many of those are past their first date
    oldest: datetime | None  # since when the longest of those waits
    oldest_happened: datetime | None = None  # of grievances: when what is complained of and still waits first happened
    met: int
    missed: int
    answered: int
    median_seconds: float | None  # of answered waits, to the millisecond
    p90_seconds: float | None
    share_on_time: float | None
    """Met, of all that was decided and all that still waits past its date; None when there is neither."""


async def waits(
    connection: AsyncConnection,
    now: datetime,
    *,
    by: Collection[Group] = ("department", "kind"),
    department: str | None = None,
    kind: str | None = None,
) -> list[Wait]:
    """The waits at `now`, in the order of department, kind and stage; groups in which nothing happened are left out.

    A wait runs from the moment the broker received the signal to the answer of its stage; the team's stage, `confirm`,
    from the moment it was asked. Percentiles are exact, interpolated as `percentile_cont` and pandas do.
    """
    groups: list[Group] = [group for group in _GROUPS if group in by]
    keys = ", ".join(f"assignment.{group}" for group in groups)
    columns = ", ".join(f"{OPEN}, {DECIDED}".format(stage=stage, **figures) for stage, figures in FIGURES.items())
    grouped = f"group by {keys} order by {keys}" if groups else ""
    query = text(f"select {keys}{', ' if keys else ''}{columns} {_FROM} {grouped}").bindparams(
        bindparam("now", type_=DateTime(timezone=True)),
        bindparam("department", department, type_=Text),
        bindparam("kind", kind, type_=Text),
    )
    rows = (await connection.execute(query, {"now": now})).mappings().all()
    departments = None if department is None else [department]
    happened = await oldest_happened(connection, groups, departments=departments, kind=kind)
    found = [
        wait_of(row, stage, happened.get((*(row[group] for group in groups), stage)))
        for row in rows
        for stage in FIGURES
    ]
    return [wait for wait in found if wait.open or wait.met or wait.missed or wait.answered]


def wait_of(row: Mapping[Any, Any], stage: Stage, happened: datetime | None) -> Wait:
    """The wait of a stage from a row with the figures of every stage."""
    median, p90 = row[f"{stage}_milliseconds"] or (None, None)
    met, missed, late = (row[f"{stage}_{name}"] for name in ("met", "missed", "late"))
    decided = met + missed + late
    return Wait(
        department=row.get("department"),
        kind=row.get("kind"),
        stage=stage,
        open=row[f"{stage}_open"],
        overdue=row[f"{stage}_overdue"],
        oldest=row[f"{stage}_oldest"],
        oldest_happened=happened,
        met=met,
        missed=missed,
        answered=row[f"{stage}_answered"],
        median_seconds=_seconds(median),
        p90_seconds=_seconds(p90),
        share_on_time=met / decided if decided else None,
    )


def _seconds(milliseconds: float | None) -> float | None:
    return None if milliseconds is None else round(milliseconds) / 1000
