"""Old grievances wait since they happened: the second wait beside the one since the report."""

from collections.abc import Collection, Sequence
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
_OF_DEPARTMENT = f"""
    select assignment.department, assignment.kind, signal.happened_on as resolve, null as confirm,
        case when assignment.state = 'waiting' then signal.happened_on end as acknowledge
    from assignment join signal on signal.id = assignment.signal
        and signal.kind = '{KIND}' and signal.state <> 'closed'
    where assignment.kind = '{KIND}' and assignment.state in ('waiting', 'acknowledged') {{of}}
"""  # noqa: S608 - constants of this file
_OF_TEAM = f"""
    select assignment.department, assignment.kind, null as resolve, signal.happened_on as confirm, null as acknowledge
    from assignment join signal on signal.id = assignment.signal
        and signal.kind = '{KIND}' and signal.state <> 'closed' and signal.state = 'resolved'
    where assignment.kind = '{KIND}' and assignment.state = 'resolved' {{of}}
"""  # noqa: S608 - constants of this file
_HALVES: tuple[tuple[frozenset[Stage], str], ...] = (
    (frozenset({"acknowledge", "resolve"}), _OF_DEPARTMENT),
    (frozenset({"confirm"}), _OF_TEAM),
)
"""By the stages of which each tells."""
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
    stages: Collection[Stage] = _STAGES,
) -> dict[tuple[str, ...], datetime]:
    """When the oldest grievance happened that still waits, by the values of `groups` and the stage it waits for.

    Only what waits in one of `stages` is looked at; what is found of others is no whole answer.
    """
    if kind not in (None, KIND):
        return {}
    grouped = f"group by {', '.join(groups)}" if groups else ""
    of = "" if departments is None else "and assignment.department = any(:departments)"
    halves = [half.format(of=of) for told, half in _HALVES if told.intersection(stages)]
    waiting = f"({' union all '.join(halves)}) as waiting"
    query = text(f"select {', '.join([*groups, _COLUMNS])} from {waiting} {grouped}")  # noqa: S608 - our own words
    if departments is not None:
        query = query.bindparams(bindparam("departments", list(departments), type_=ARRAY(Text)))
    rows = (await connection.execute(query)).mappings().all()
    return {
        (*(row[group] for group in groups), stage): happened_since(row[stage])
        for row in rows
        for stage in _STAGES
        if row[stage] is not None
    }
