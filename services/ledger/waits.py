"""Who waits how long, by department, kind and stage, at one moment; what still waits is counted too.

`../shared/reference/waiting.md` says why: an average of what was answered hides whoever was never answered.
"""

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Literal

from sqlalchemy import DateTime, Text, bindparam, text
from sqlalchemy.engine import Row
from sqlalchemy.ext.asyncio import AsyncConnection

from events.outcomes import Stage

Group = Literal["department", "kind"]

_STAGES = """
    select assignment.department, assignment.kind, stage.*
    from assignment join signal on signal.id = assignment.signal
    cross join lateral (values
        ('acknowledge', 1, assignment.state = 'waiting', assignment.acknowledge_by, assignment.waiting_since,
         assignment.acknowledge, false, assignment.acknowledged_at - assignment.waiting_since),
        ('resolve', 2, assignment.state in ('waiting', 'acknowledged'), assignment.resolve_first,
         assignment.waiting_since, assignment.resolve, assignment.resolve_inherited,
         assignment.resolved_at - assignment.waiting_since),
        ('confirm', 3, assignment.state = 'resolved' and signal.state = 'resolved', signal.confirm_by,
         signal.proposed_at, assignment.confirm, false, assignment.answered_at - assignment.asked_at)
    ) as stage (stage, nr, is_open, due, since, verdict, inherited, answered)
    where (cast(:department as text) is null or assignment.department = :department)
      and (cast(:kind as text) is null or assignment.kind = :kind)
"""

# `inherited`: decided before it was handed over to this department, so not counted again (contract 2).
_FIGURES = """
    count(*) filter (where is_open) as open,
    count(*) filter (where is_open and due < :now) as overdue,
    min(since) filter (where is_open) as oldest,
    count(*) filter (where verdict = 'met' and not inherited) as met,
    count(*) filter (where verdict = 'missed' and not inherited) as missed,
    count(*) filter (where is_open and due < :now and verdict is null) as late,
    count(answered) as answered,
    percentile_cont(array[0.5, 0.9]) within group (order by cast(extract(epoch from answered) * 1000 as bigint))
        as milliseconds
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
    groups = [group for group in ("department", "kind") if group in by]
    keys = ", ".join([*groups, "stage", "nr"])
    query = text(
        f"select {keys}, {_FIGURES} from ({_STAGES}) as stages group by {keys} "  # noqa: S608 - names of our own columns
        "having count(*) filter (where is_open or verdict is not null) + count(answered) > 0 "
        f"order by {', '.join([*groups, 'nr'])}"
    ).bindparams(
        bindparam("now", type_=DateTime(timezone=True)),
        bindparam("department", department, type_=Text),
        bindparam("kind", kind, type_=Text),
    )
    return [_wait(row) for row in await connection.execute(query, {"now": now})]


def _wait(row: Row[Any]) -> Wait:
    median, p90 = row.milliseconds or (None, None)
    decided = row.met + row.missed + row.late
    return Wait(
        department=getattr(row, "department", None),
        kind=getattr(row, "kind", None),
        stage=row.stage,
        open=row.open,
        overdue=row.overdue,
        oldest=row.oldest,
        met=row.met,
        missed=row.missed,
        answered=row.answered,
        median_seconds=_seconds(median),
        p90_seconds=_seconds(p90),
        share_on_time=row.met / decided if decided else None,
    )


def _seconds(milliseconds: float | None) -> float | None:
    return None if milliseconds is None else round(milliseconds) / 1000
