"""The waits as a list that is read page by page where very much is recorded: `waits`, some departments at a time.

What was decided and answered grows with the record, and to find its percentiles every answer must be looked at. But it
only changes when somebody answers or a date passes, and each time a counter of that department rises in the same
transaction (`counting`). So it is kept, with the sum of those counters, and looked at again once the sum is another.
What still waits is asked anew each time: it is as much as is open, and no more.
"""

import time
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import ARRAY, DateTime, Text, TextClause, bindparam, text
from sqlalchemy.ext.asyncio import AsyncConnection

from events.outcomes import Stage
from events.signals import CANARY
from services.ledger.grievances import oldest_happened
from services.ledger.waits import DECIDED, FIGURES, OPEN, Wait, wait_of

AGE_SECONDS_MAX = 300.0
"""What is kept is looked at again after so long all the same: an operator may have mended the tables by hand."""

_DEPARTMENTS = bindparam("departments", type_=ARRAY(Text))
_NOW = bindparam("now", type_=DateTime(timezone=True))

# From one department to the next in the index, instead of through all assignments.
_CODES = text("""
    with recursive code as (
        (select department from assignment order by department limit 1)
        union all
        (select (select department from assignment where department > code.department order by department limit 1)
         from code where code.department is not null)
    )
    select department from code where department is not null
""")
# Counters never fall, and each of these begins with its department: what changes there makes the sum another.
_SUMS = text("""
    select split_part(labels, '|', 1) as department, cast(sum(value) as bigint) as sum from counter
    where name in ('answers', 'deadlines', 'wait_bucket') group by 1
""")


_SELECT = "select assignment.department, assignment.kind,"
_GROUPED = "group by assignment.department, assignment.kind"
_OF = f"and assignment.kind <> '{CANARY}' and assignment.department = any(:departments)"
_OF_KIND = f"{_OF} and assignment.kind = :kind"
# What still waits: each in the words of an index's predicate, so that it is found.
_WAITING = "from assignment where assignment.state in ('waiting', 'acknowledged')"
_ASKED = """
    from assignment join signal as asked on asked.id = assignment.signal and asked.state = 'resolved'
    where assignment.state = 'resolved'
"""


def _query(
    stages: Collection[Stage], columns: str, source: str, of: str, all_open: Collection[Stage] = ()
) -> TextClause:
    """The figures of `stages`; every row of `source` waits in those of `all_open`, which then is not asked again."""
    told = {stage: FIGURES[stage] | ({"is_open": "true"} if stage in all_open else {}) for stage in stages}
    figures = ", ".join(columns.format(stage=stage, **words) for stage, words in told.items())
    return text(f"{_SELECT} {figures} {source} {of} {_GROUPED}").bindparams(_DEPARTMENTS)


_ENDED = _query(list(FIGURES), DECIDED, "from assignment where true", _OF)


_DEPARTMENTS_OWN: tuple[Stage, ...] = ("acknowledge", "resolve")


def _open(of: str) -> dict[str, TextClause]:
    """By who is waited for; a stage is the department's or the team's."""
    return {
        "department": _query(_DEPARTMENTS_OWN, OPEN, _WAITING, of, {"resolve"}).bindparams(_NOW),
        "team": _query(["confirm"], OPEN, _ASKED, of, {"confirm"}).bindparams(_NOW),
    }


_OPEN, _OPEN_OF_KIND = _open(_OF), _open(_OF_KIND)
"""Apart, for a condition that may be absent keeps a plan that is made once for all from using an index for it."""

Group = tuple[str, str]
Rows = dict[Group, Mapping[Any, Any]]


@dataclass(frozen=True, slots=True)
class _Kept:
    """What was decided and answered in one department, by kind, when its counters added up to `sum`."""

    sum: int
    read_at: float
    rows: Rows


class CurrentWaits:
    """Keeps what was decided, a few hundred figures a department; `seconds` is a clock that never goes back."""

    def __init__(self, *, seconds: Callable[[], float] = time.monotonic) -> None:
        self._seconds = seconds
        self._kept: dict[str, _Kept] = {}

    async def departments(self, connection: AsyncConnection) -> list[str]:
        """The codes of all departments that ever had an assignment, in the order of their characters."""
        return sorted(row.department for row in await connection.execute(_CODES))

    async def of(
        self,
        connection: AsyncConnection,
        now: datetime,
        departments: Sequence[str],
        *,
        kind: str | None = None,
        stage: Stage | None = None,
    ) -> list[Wait]:
        """The waits of these departments at `now`, as `waits` tells them; `connection` must be of one moment."""
        stages: Collection[Stage] = [stage] if stage else list(FIGURES)
        decided = await self._decided(connection, departments)
        still = await _still(connection, now, departments, kind, stages)
        happened = await oldest_happened(
            connection, ["department", "kind"], departments=departments, kind=kind, stages=stages
        )
        groups = sorted(of for of in decided.keys() | still.keys() if kind in (None, of[1]))
        rows = {of: {**_NONE, **decided.get(of, {}), **still.get(of, {})} for of in groups}
        found = [wait_of(row, stage, happened.get((*of, stage))) for of, row in rows.items() for stage in stages]
        return [wait for wait in found if wait.open or wait.met or wait.missed or wait.answered]

    async def _decided(self, connection: AsyncConnection, departments: Sequence[str]) -> Rows:
        sums = {row.department: row.sum for row in await connection.execute(_SUMS)}
        old = [code for code in departments if not self._holds(code, sums.get(code, 0))]
        if old:
            read = _by_group(await connection.execute(_ENDED, {"departments": old}))
            for code in old:
                own = {group: row for group, row in read.items() if group[0] == code}
                self._kept[code] = _Kept(sums.get(code, 0), self._seconds(), own)
        return {group: row for code in departments for group, row in self._kept[code].rows.items()}

    def _holds(self, code: str, now: int) -> bool:
        kept = self._kept.get(code)
        return kept is not None and kept.sum == now and self._seconds() - kept.read_at < AGE_SECONDS_MAX


async def _still(
    connection: AsyncConnection, now: datetime, departments: Sequence[str], kind: str | None, stages: Collection[Stage]
) -> dict[Group, dict[Any, Any]]:
    """What still waits in these stages, by department and kind."""
    queries = _OPEN_OF_KIND if kind else _OPEN
    asked: dict[str, Any] = {"departments": list(departments), "now": now} | ({"kind": kind} if kind else {})
    found: dict[Group, dict[Any, Any]] = {}
    for whose in {"department" if stage in _DEPARTMENTS_OWN else "team" for stage in stages}:
        for group, row in _by_group(await connection.execute(queries[whose], asked)).items():
            found.setdefault(group, {}).update(row)
    return found


def _by_group(rows: Any) -> Rows:
    return {(row.department, row.kind): row._asdict() for row in rows}


_NOTHING = {"oldest": None, "milliseconds": None}
_NONE: Mapping[str, Any] = {
    f"{stage}_{name}": _NOTHING.get(name, 0)
    for stage in FIGURES
    for name in ("open", "overdue", "oldest", "late", "met", "missed", "answered", "milliseconds")
}
"""Of a group in which nothing waits and nothing was decided."""
