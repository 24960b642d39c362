"""Old grievances wait since they happened: the second wait beside the one since the report."""

from collections.abc import Sequence
from datetime import UTC, datetime, time

from sqlalchemy import Text, bindparam, text
from sqlalchemy.ext.asyncio import AsyncConnection

from events.moments import AMSTERDAM, first_day
from events.outcomes import Stage
from events.signals import Kind

KIND: Kind = "grievance-reported"

_STAGES: dict[Stage, str] = {
    "acknowledge": "assignment.state = 'waiting'",
    "resolve": "assignment.state in ('waiting', 'acknowledged')",
    "confirm": "assignment.state = 'resolved' and signal.state = 'resolved'",
}
"""What still waits, as the waits count it."""

# The characters' own order is that of the first days: 1998, 1998-01, 1998-01-01, 1998-02.
_COLUMNS = ", ".join(
    f'min(signal.happened_on collate "C") filter (where {waits}) as {stage}' for stage, waits in _STAGES.items()
)
# Only what is not closed can wait: the index of open signals finds those few among all that were ever reported.
_FROM = f"""
    from signal join assignment on assignment.signal = signal.id
    where signal.kind = '{KIND}' and signal.state <> 'closed'
      and (cast(:department as text) is null or assignment.department = :department)
"""


def happened_since(partial: str) -> datetime:
    """The first moment that a date, year-month or year can mean: Amsterdam's midnight of its first day, in UTC."""
    midnight = datetime.combine(first_day(partial), time(), AMSTERDAM)
    try:
        return midnight.astimezone(UTC)
    except OverflowError:  # the calendar's first day begins, told in UTC, before the calendar
        return datetime.min.replace(tzinfo=UTC)


async def oldest_happened(
    connection: AsyncConnection, groups: Sequence[str], *, department: str | None = None, kind: str | None = None
) -> dict[tuple[str, ...], datetime]:
    """When the oldest grievance happened that still waits, by the values of `groups` and the stage it waits for."""
    if kind not in (None, KIND):
        return {}
    keys = [f"assignment.{group}" for group in groups]
    grouped = f"group by {', '.join(keys)}" if keys else ""
    query = text(f"select {', '.join([*keys, _COLUMNS])} {_FROM} {grouped}").bindparams(
        bindparam("department", department, type_=Text)
    )
    rows = (await connection.execute(query)).mappings().all()
    return {
        (*(row[group] for group in groups), stage): happened_since(row[stage])
        for row in rows
        for stage in _STAGES
        if row[stage] is not None
    }
