"""Reads of the ledger: lists by keyset, single rows, the record of a signal, and who waits how long.

Plain functions on a connection, without any knowledge of HTTP: the gateway, the commands and the replay share them.
A list is asked for one row more than is wanted, so that the caller knows whether there is a next page.
"""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, NamedTuple
from uuid import UUID

from sqlalchemy import (
    ARRAY,
    ColumnElement,
    Select,
    Text,
    and_,
    literal,
    not_,
    or_,
    select,
    text,
    tuple_,
)
from sqlalchemy.engine import RowMapping
from sqlalchemy.ext.asyncio import AsyncConnection

from events.signals import CANARY
from services.ledger.contacts import Contacts, contacts_of
from services.ledger.state import OPEN
from services.ledger.tables import Table
from services.ledger.waits import Wait, waits

SIGNAL = Table.metadata.tables["signal"]
ASSIGNMENT = Table.metadata.tables["assignment"]
RECORD = Table.metadata.tables["record"]

__all__ = [
    "AssignmentFilter",
    "Contacts",
    "Position",
    "RecordPosition",
    "Scope",
    "SignalFilter",
    "Wait",
    "contacts_of",
    "waits",
]

_TITLE = SIGNAL.c.report["title"].as_string().label("title")
_ASSIGNMENTS = select(ASSIGNMENT, _TITLE, SIGNAL.c.happened_on).join_from(
    ASSIGNMENT, SIGNAL, SIGNAL.c.id == ASSIGNMENT.c.signal
)
"""Assignments, each with what is shown of its signal."""
_UNSPOKEN = SIGNAL.c.contact_on.is_(None)
_NOT_CLOSED = text("signal.state <> 'closed'")
_STILL_OPEN = text("assignment.state in ('waiting', 'acknowledged')")
"""What follows from a filter on the state, in so many words: any plan then finds the partial index."""
_NO_CANARY = text(f"signal.kind <> '{CANARY}'")
_NO_CANARYS = text(f"assignment.kind <> '{CANARY}'")
"""Written out too: a plan that is made once for all would expect a parameter to leave nothing."""

Rows = Sequence[RowMapping]


class Position(NamedTuple):
    """The last row of a page: the moment by which the list is ordered, and the id that tells equal moments apart."""

    moment: datetime
    id: UUID


class RecordPosition(NamedTuple):
    """The last row of a page of the record."""

    moment: datetime
    seq: int


@dataclass(frozen=True, slots=True)
class Scope:
    """What a reader may see: a team its own signals, a department what is assigned to it; neither named: all.

    Nobody sees the canary: these are lists of what people wait for.
    """

    team: str | None = None
    department: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class SignalFilter:
    """Which signals; `neighbourhood` holds all that lies in it: `GM0363` holds `WK0363AD`, which holds `BU0363AD03`."""

    state: str | None = None
    kind: str | None = None
    team: str | None = None
    neighbourhood: str | None = None
    rule: str | None = None
    spoken_with: bool | None = None  # whether any contact with residents was recorded


@dataclass(frozen=True, slots=True, kw_only=True)
class AssignmentFilter:
    """Which assignments; `overdue` is whether a stage that is not yet answered is past its first date at `now`."""

    department: str | None = None
    state: str | None = None
    kind: str | None = None
    overdue: bool | None = None
    now: datetime | None = None


async def signals(
    connection: AsyncConnection, scope: Scope, wanted: SignalFilter, after: Position | None, limit: int
) -> Rows:
    """Up to `limit` + 1 signals, the newest first."""
    query = select(SIGNAL).where(_sees_signal(scope))
    for name in ("state", "kind", "team"):
        if value := getattr(wanted, name):
            query = query.where(SIGNAL.c[name] == value)
    if wanted.neighbourhood:
        query = query.where(_lies_in(wanted.neighbourhood))
    if wanted.rule:
        query = query.where(SIGNAL.c.rules.op("@>")(literal([wanted.rule], ARRAY(Text))))
    if wanted.spoken_with is not None:
        query = query.where(not_(_UNSPOKEN) if wanted.spoken_with else _UNSPOKEN)
        query = query if wanted.state in (None, "closed") else query.where(_NOT_CLOSED)
    if after:
        query = query.where(tuple_(SIGNAL.c.waiting_since, SIGNAL.c.id) < tuple_(*map(literal, after)))
    query = query.order_by(SIGNAL.c.waiting_since.desc(), SIGNAL.c.id.desc())
    return await _rows(connection, query.limit(limit + 1))


async def signal(connection: AsyncConnection, scope: Scope, id_: UUID) -> RowMapping | None:
    """One signal, if there is one that the reader may see."""
    rows = await _rows(connection, select(SIGNAL).where(SIGNAL.c.id == id_, _sees_signal(scope)))
    return rows[0] if rows else None


async def assignments_of(connection: AsyncConnection, signal_ids: Collection[UUID]) -> Rows:
    """All assignments of these signals, the earliest first."""
    query = _ASSIGNMENTS.where(ASSIGNMENT.c.signal.in_(signal_ids))
    return await _rows(connection, query.order_by(ASSIGNMENT.c.assigned_at, ASSIGNMENT.c.id))


async def assignments(
    connection: AsyncConnection, scope: Scope, wanted: AssignmentFilter, after: Position | None, limit: int
) -> Rows:
    """Up to `limit` + 1 assignments, the longest waiting first."""
    query = _ASSIGNMENTS.where(_sees_assignment(scope))
    for name in ("department", "state", "kind"):
        if value := getattr(wanted, name):
            query = query.where(ASSIGNMENT.c[name] == value)
    if wanted.state in OPEN:
        query = query.where(_STILL_OPEN)
    if wanted.overdue is not None and wanted.now is not None:
        late = _overdue(wanted.now)
        query = query.where(late if wanted.overdue else not_(late))
    return await _rows(connection, _longest_first(query, after, limit))


async def assignment(connection: AsyncConnection, scope: Scope, id_: UUID) -> RowMapping | None:
    """One assignment, if there is one that the reader may see."""
    rows = await _rows(connection, _ASSIGNMENTS.where(ASSIGNMENT.c.id == id_, _sees_assignment(scope)))
    return rows[0] if rows else None


async def precedents(
    connection: AsyncConnection, rule: str | None, department: str | None, after: Position | None, limit: int
) -> Rows:
    """Up to `limit` + 1 assignments that were resolved with a custom solution, the latest first."""
    done = (ASSIGNMENT.c.resolved_at, ASSIGNMENT.c.id)
    query = select(ASSIGNMENT).where(ASSIGNMENT.c.custom_solution.is_not(None), ASSIGNMENT.c.resolved_at.is_not(None))
    if rule:
        query = query.where(ASSIGNMENT.c.custom_solution["rule"]["code"].astext == rule)
    if department:
        query = query.where(ASSIGNMENT.c.department == department)
    if after:
        query = query.where(tuple_(*done) < tuple_(*map(literal, after)))
    return await _rows(connection, query.order_by(*(column.desc() for column in done)).limit(limit + 1))


async def timeline(connection: AsyncConnection, signal_id: UUID, after: RecordPosition | None, limit: int) -> Rows:
    """Up to `limit` + 1 events that were said about a signal, as they stand in the record, the first first."""
    query = select(RECORD).where(RECORD.c.signal == signal_id)
    if after:
        query = query.where(tuple_(RECORD.c.at, RECORD.c.seq) > tuple_(*map(literal, after)))
    return await _rows(connection, query.order_by(RECORD.c.at, RECORD.c.seq).limit(limit + 1))


async def _rows(connection: AsyncConnection, query: Select[Any]) -> Rows:
    rows: Rows = (await connection.execute(query)).mappings().all()
    return rows


def _longest_first(query: Select[Any], after: Position | None, limit: int) -> Select[Any]:
    order = (ASSIGNMENT.c.waiting_since, ASSIGNMENT.c.id)
    if after:
        query = query.where(tuple_(*order) > tuple_(*map(literal, after)))
    return query.order_by(*order).limit(limit + 1)


def _sees_signal(scope: Scope) -> ColumnElement[bool]:
    if scope.team is not None:
        return and_(_NO_CANARY, SIGNAL.c.team == scope.team)
    if scope.department is not None:
        theirs = select(ASSIGNMENT.c.signal).where(ASSIGNMENT.c.department == scope.department)
        return and_(_NO_CANARY, SIGNAL.c.id.in_(theirs))
    return and_(_NO_CANARY)


def _sees_assignment(scope: Scope) -> ColumnElement[bool]:
    if scope.team is not None:
        return and_(_NO_CANARYS, SIGNAL.c.team == scope.team)
    if scope.department is not None:
        return and_(_NO_CANARYS, ASSIGNMENT.c.department == scope.department)
    return and_(_NO_CANARYS)


def _overdue(now: datetime) -> ColumnElement[bool]:
    """Past the first date of a stage that still waits; an answer at exactly the date would be in time."""
    waiting = ASSIGNMENT.c.state == "waiting"
    return or_(
        and_(waiting, ASSIGNMENT.c.acknowledge_by < now),
        and_(ASSIGNMENT.c.state.in_(sorted(OPEN)), ASSIGNMENT.c.resolve_first < now),
    )


def _lies_in(code: str) -> ColumnElement[bool]:
    """A place is in another when its digits begin with the other's; the first two letters say how large it is."""
    place = SIGNAL.c.neighbourhood
    smaller = {"GM": ("WK", "BU"), "WK": ("BU",)}.get(code[:2], ())
    inside = [place.startswith(letters + code[2:], autoescape=True) for letters in smaller]
    return or_(place == code, *inside)
