"""States to rows and back, a batch at a time: sorted locks, set-based SQL."""

import json
from collections.abc import Collection, Iterable, Mapping
from dataclasses import fields
from datetime import datetime
from typing import Any

from sqlalchemy import ARRAY, Uuid, bindparam, text
from sqlalchemy.ext.asyncio import AsyncConnection

from events.identifiers import AssignmentId, SignalId
from services.ledger.passing import next_moment
from services.ledger.state import Assignment, Moment, Signal, State

_SIGNAL_FIELDS = [item.name for item in fields(Signal)]
_ASSIGNMENT_FIELDS = [item.name for item in fields(Assignment)]
_MOMENT_FIELDS = [item.name for item in fields(Moment)]

_IDS = bindparam("ids", type_=ARRAY(Uuid()))
_SIGNALS = text("select * from signal where id = any(:ids) order by id").bindparams(_IDS)
_SIGNALS_LOCKED = text("select * from signal where id = any(:ids) order by id for update").bindparams(_IDS)
_ASSIGNMENTS = text("select * from assignment where signal = any(:ids) order by assigned_at, id").bindparams(_IDS)
_SIGNALS_OF = text("select id, signal from assignment where id = any(:ids)").bindparams(_IDS)


async def load_states(
    connection: AsyncConnection, signals: Collection[SignalId], *, lock: bool
) -> dict[SignalId, State]:
    """The states of those `signals` that the ledger knows; `lock` holds their rows, in one order, until the commit."""
    if not signals:
        return {}
    ids = {"ids": sorted(signals)}
    rows = (await connection.execute(_SIGNALS_LOCKED if lock else _SIGNALS, ids)).mappings().all()
    states = {SignalId(row["id"]): State(_signal(row)) for row in rows}
    for row in (await connection.execute(_ASSIGNMENTS, ids)).mappings():
        assignment = _assignment(row)
        states[assignment.signal].assignments[assignment.id] = assignment
    return states


async def signals_of(
    connection: AsyncConnection, assignments: Collection[AssignmentId]
) -> dict[AssignmentId, SignalId]:
    """The signal of each of those `assignments` that the ledger knows."""
    if not assignments:
        return {}
    rows = await connection.execute(_SIGNALS_OF, {"ids": sorted(assignments)})
    return {AssignmentId(row.id): SignalId(row.signal) for row in rows}


def versions(states: Iterable[State]) -> set[str]:
    """The versions of the agreements under which these states' promises were made."""
    return {assignment.agreements for state in states for assignment in state.assignments.values()}


async def save_states(connection: AsyncConnection, before: Mapping[SignalId, State], after: Iterable[State]) -> None:
    """Write what changed between `before` and `after`, in one statement a table."""
    signals, assignments = [], []
    for state in after:
        old = before.get(state.signal.id)
        changed = [item for item in state.assignments.values() if old is None or old.assignments.get(item.id) != item]
        if changed or old is None or old.signal != state.signal:
            signals.append(_signal_row(state))
        assignments += [_row(item) for item in changed]
    await _upsert(connection, "signal", [*_SIGNAL_FIELDS, "next_moment_at"], signals)
    await _upsert(connection, "assignment", _ASSIGNMENT_FIELDS, assignments)


async def _upsert(connection: AsyncConnection, table: str, columns: list[str], rows: list[dict[str, Any]]) -> None:
    if not rows:
        return
    names = ", ".join(columns)
    updates = ", ".join(f"{name} = excluded.{name}" for name in columns if name != "id")
    statement = (
        f"insert into {table} ({names}) select {names} from json_populate_recordset(null::{table}, cast(:rows as json))"  # noqa: S608 - names of our own columns
        f" on conflict (id) do update set {updates}"
    )
    await connection.execute(text(statement), {"rows": json.dumps(rows, default=_plain, ensure_ascii=False)})


def _plain(value: Any) -> str:
    return value.isoformat() if isinstance(value, datetime) else str(value)


def _row(item: Assignment | Signal) -> dict[str, Any]:
    names = _ASSIGNMENT_FIELDS if isinstance(item, Assignment) else _SIGNAL_FIELDS
    row = {name: getattr(item, name) for name in names}
    row["moments"] = [{name: getattr(moment, name) for name in _MOMENT_FIELDS} for moment in item.moments]
    return row


def _signal_row(state: State) -> dict[str, Any]:
    return _row(state.signal) | {"next_moment_at": next_moment(state)}


def _moments(rows: list[dict[str, Any]]) -> tuple[Moment, ...]:
    return tuple(Moment(**(row | {"due": datetime.fromisoformat(row["due"])})) for row in rows)


def _signal(row: Mapping[Any, Any]) -> Signal:
    own = {"moments": _moments(row["moments"]), "rules": tuple(row["rules"])}
    return Signal(**{name: row[name] for name in _SIGNAL_FIELDS} | own)


def _assignment(row: Mapping[Any, Any]) -> Assignment:
    return Assignment(**{name: row[name] for name in _ASSIGNMENT_FIELDS} | {"moments": _moments(row["moments"])})
