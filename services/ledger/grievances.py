"""Old grievances wait since they happened: the second wait beside the one since the report."""

from collections.abc import Sequence
from datetime import UTC, datetime, time

from sqlalchemy import ARRAY, Text, bindparam, text
from sqlalchemy.ext.asyncio import AsyncConnection

from events.moments import AMSTERDAM, first_day
from events.outcomes import Stage
from events.signals import Kind

KIND: Kind = "grievance-reported"

_STAGES: tuple[Stage, ...] = ("acknowledge", "resolve", "confirm")

# What still waits, as the waits count it; each half in the words of the indexes that hold what is open, and no more.
# The characters' own order is that of the first days: 1998, 1998-01, 1998-01-01, 1998-02.
_FROM = f"""
    from (
        select assignment.department, assignment.kind, signal.happened_on as resolve, null as confirm,
            case when assignment.state = 'waiting' then signal.happened_on end as acknowledge
        from assignment join signal on signal.id = assignment.signal
            and signal.kind = '{KIND}' and signal.state <> 'closed'
        where assignment.kind = '{KIND}' and assignment.state in ('waiting', 'acknowledged') {{of}}
        union all
        select assignment.department, assignment.kind, null, signal.happened_on, null
        from assignment join signal on signal.id = assignment.signal
            and signal.kind = '{KIND}' and signal.state <> 'closed' and signal.state = 'resolved'
        where assignment.kind = '{KIND}' and assignment.state = 'resolved' {{of}}
    ) as waiting
"""  # noqa: S608 - constants of this file
_COLUMNS = ", ".join(f'min({stage} collate "C") as {stage}' for stage in _STAGES)


def happened_since(partial: str) -> datetime:
    """The first moment that a date, year-month or year can mean: Amsterdam's midnight of its first day, in UTC."""
    midnight = datetime.combine(first_day(partial), time(), AMSTERDAM)
    try:
        return midnight.astimezone(UTC)
    except OverflowError:  # the calendar's first day begins, told in UTC, before the calendar
        return datetime.min.replace(tzinfo=UTC)


async def oldest_happened(
    connection: AsyncConnection,
    groups: Sequence[str],
    *,
    departments: Sequence[str] | None = None,
    kind: str | None = None,
) -> dict[tuple[str, ...], datetime]:
    """When the oldest grievance happened that still waits, by the values of `groups` and the stage it waits for."""
    if kind not in (None, KIND):
        return {}
    grouped = f"group by {', '.join(groups)}" if groups else ""
    of = "" if departments is None else "and assignment.department = any(:departments)"
    query = text(f"select {', '.join([*groups, _COLUMNS])} {_FROM.format(of=of)} {grouped}")
    if departments is not None:
        query = query.bindparams(bindparam("departments", list(departments), type_=ARRAY(Text)))
    rows = (await connection.execute(query)).mappings().all()
    return {
        (*(row[group] for group in groups), stage): happened_since(row[stage])
        for row in rows
        for stage in _STAGES
        if row[stage] is not None
    }
