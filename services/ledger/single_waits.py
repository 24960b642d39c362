"""Every single wait at one moment: of each assignment and stage, for who draws or counts them themselves.

What a stage waits for is said once, in `waits.FIGURES`, so these rows add up to the figures of `waits`.
"""

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

from events.outcomes import Stage
from services.ledger.state import Verdict
from services.ledger.waits import FIGURES

_MORE: dict[Stage, dict[str, str]] = {
    "acknowledge": {
        "from": "assignment.waiting_since",
        "by": "assignment.acknowledge_by",
        "met_at": "assignment.acknowledged_at",
        "missed_at": "assignment.acknowledge_by",
    },
    "resolve": {
        "from": "assignment.waiting_since",
        "by": "assignment.resolve_first",
        "met_at": "coalesce(assignment.stood_at, assignment.resolved_at, assignment.ended_at)",
        "missed_at": "assignment.resolve_first",
    },
    "confirm": {
        "from": "signal.proposed_at",
        "by": "signal.confirm_by",
        "met_at": "assignment.answered_at",
        # The date of a question that was asked again later lies after its first answer.
        "missed_at": "coalesce(least(signal.confirm_by, assignment.answered_at), assignment.asked_at)",
    },
}
"""From when and until when each stage was promised, and when it was decided."""

_STAGE = """
    select assignment.department, '{stage}' as stage,
        {is_open} as is_open,
        case when {is_open} then {since} end as since,
        cast(extract(epoch from {answered}) as float) as answered_seconds,
        cast(extract(epoch from {by} - {from}) as float) as promised_seconds,
        coalesce({is_open} and {due} < cast(:now as timestamptz), false) as is_overdue,
        coalesce({is_open} and {due} < cast(:now as timestamptz) and {verdict} is null, false) as is_late,
        case when {counts} then {verdict} end as verdict,
        case when not {counts} then null when {verdict} = 'met' then {met_at} when {verdict} = 'missed' then {missed_at}
            when {is_open} and {due} < cast(:now as timestamptz) then {due} end as decided_at
    from assignment join signal on signal.id = assignment.signal left join signal as asked
        on asked.id = assignment.signal and asked.state = 'resolved' and assignment.state = 'resolved'
    where assignment.kind <> 'canary' and ({is_open} or {verdict} is not null or {answered} is not null)
"""
_QUERY = text(
    " union all ".join(_STAGE.format(stage=stage, **figures, **_MORE[stage]) for stage, figures in FIGURES.items())
)


@dataclass(frozen=True, slots=True)
class SingleWait:
    """The wait of one assignment in one stage; no id, no text: nothing that leads to a person."""

    department: str
    stage: Stage
    since: datetime | None  # of one that still waits: since when
    answered_seconds: float | None  # how long it took until the answer, in time or not
    promised_seconds: float | None  # how long it was promised to take; None where that is no longer known
    is_overdue: bool  # still waits, and its first date has passed
    is_late: bool  # and nobody has written down yet that it was missed
    verdict: Verdict | None  # how it was decided; None: not yet, or counted elsewhere
    decided_at: datetime | None  # when it was answered in time, or when its date passed

    @property
    def is_open(self) -> bool:
        """Whether it still waits."""
        return self.since is not None


async def single_waits(connection: AsyncConnection, now: datetime) -> list[SingleWait]:
    """All waits that the ledger holds at `now` (aware UTC), in no order; the canary's are none of people's."""
    rows = await connection.execute(_QUERY, {"now": now})
    return [SingleWait(**{name: row[name] for name in SingleWait.__slots__}) for row in rows.mappings()]
