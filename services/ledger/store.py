"""States to rows and back, a batch at a time: sorted locks, set-based SQL."""

from collections.abc import Collection, Iterable, Mapping, Sequence
from datetime import datetime
from typing import Any

from pydantic_core import to_json
from sqlalchemy import ARRAY, Row, TextClause, Uuid, bindparam, text
from sqlalchemy.ext.asyncio import AsyncConnection

from events.envelope import writer
from events.identifiers import AssignmentId, SignalId
from services.ledger.lane import Lane
from services.ledger.passing import next_moment
from services.ledger.state import Assignment, Moment, Signal, State

_IDS = bindparam("ids", type_=ARRAY(Uuid()))


def _select(fields: Sequence[str], rest: str) -> TextClause:
    return text(f"select {', '.join(fields)} from {rest}").bindparams(_IDS)  # noqa: S608 - names of our own columns


_SIGNALS = _select(Signal._fields, "signal where id = any(:ids) order by id")
_SIGNALS_LOCKED = _select(Signal._fields, "signal where id = any(:ids) order by id for update")
_ASSIGNMENTS = _select(Assignment._fields, "assignment where signal = any(:ids) order by assigned_at, id")
_SIGNALS_OF = _select(("id", "signal"), "assignment where id = any(:ids)")


def _upsert(table: str, columns: Sequence[str], source: str, **computed: str) -> str:
    """Rows of JSON into a table; a `computed` column is an expression over the `source` beside them."""
    values = ", ".join(computed.get(name, name) for name in columns)
    updates = ", ".join(f"{name} = excluded.{name}" for name in columns if name != "id")
    return f"""
        insert into {table} ({", ".join(columns)}) select {values} from {source}
        on conflict (id) do update set {updates}
    """  # noqa: S608 - names of our own columns


# A report goes beside its row, as text: what is stored is told again, and compared, character for character.
_SIGNALS_ROWS = _upsert(
    "signal",
    [*Signal._fields, "next_moment_at"],
    "rows from (json_populate_recordset(null::signal, cast(:signals as json)), unnest(cast(:reports as text[])))",
    report="cast(unnest as json)",
)
_ASSIGNMENTS_ROWS = _upsert(
    "assignment", Assignment._fields, "json_populate_recordset(null::assignment, cast(:assignments as json))"
)
_SAVE_SIGNALS = text(_SIGNALS_ROWS)
_SAVE = text(f"with signals as ({_SIGNALS_ROWS}) {_ASSIGNMENTS_ROWS}")
_report = writer(", ", ": ")


async def load_states(
    connection: AsyncConnection | Lane, signals: Collection[SignalId], *, lock: bool
) -> dict[SignalId, State]:
    """The states of those `signals` that the ledger knows; `lock` holds their rows, in one order, until the commit."""
    if not signals:
        return {}
    rows = (await connection.execute(_SIGNALS_LOCKED if lock else _SIGNALS, {"ids": list(signals)})).all()
    states = {signal.id: State(signal, {}) for signal in map(_signal, rows)}
    if not states:
        return {}  # new signals, as most are, have no assignments
    for assignment in map(_assignment, (await connection.execute(_ASSIGNMENTS, {"ids": list(states)})).all()):
        states[assignment.signal].assignments[assignment.id] = assignment
    return states


async def signals_of(
    connection: AsyncConnection | Lane, assignments: Collection[AssignmentId]
) -> dict[AssignmentId, SignalId]:
    """The signal of each of those `assignments` that the ledger knows."""
    if not assignments:
        return {}
    rows = await connection.execute(_SIGNALS_OF, {"ids": list(assignments)})
    return {AssignmentId(id_): SignalId(signal) for id_, signal in rows.all()}


def versions(states: Iterable[State]) -> set[str]:
    """The versions of the agreements under which these states' promises were made."""
    return {assignment.agreements for state in states for assignment in state.assignments.values()}


async def save_states(lane: Lane, before: Mapping[SignalId, State], after: Iterable[State]) -> None:
    """Write what changed between `before` and `after`, in one statement."""
    signals: list[State] = []
    assignments: list[Assignment] = []
    for state in after:
        old = before.get(state.signal.id)
        if old is state:
            continue
        changed = [item for item in state.assignments.values() if old is None or old.assignments.get(item.id) != item]
        if changed or old is None or old.signal != state.signal:
            signals.append(state)
        assignments += changed
    if not signals:
        return
    values = {
        "signals": to_json([*map(_signal_row, signals)]).decode(),
        "reports": [_report(state.signal.report) for state in signals],
    }
    if assignments:
        await lane.write(_SAVE, values | {"assignments": to_json([*map(_row, assignments)]).decode()})
    else:
        await lane.write(_SAVE_SIGNALS, values)


def _signal_row(state: State) -> dict[str, Any]:
    row = _row(state.signal)
    del row["report"]
    if moment := next_moment(state):
        row["next_moment_at"] = moment
    return row


def _row(item: Assignment | Signal) -> dict[str, Any]:
    """The fields that say something: what is absent is null in the row as well, and a new assignment has many."""
    row: dict[str, Any] = {name: value for name, value in zip(item._fields, item, strict=True) if value is not None}
    row["moments"] = [
        {"due": due.isoformat(), "stage": stage, "act": act, "to": to, "rung": rung, "promise": promise}
        for due, stage, act, to, rung, promise in item.moments
    ]
    return row


def _moments(rows: Iterable[dict[str, Any]]) -> tuple[Moment, ...]:
    return tuple(Moment(**(row | {"due": datetime.fromisoformat(row["due"])})) for row in rows)


def _signal(row: Row[Any]) -> Signal:
    signal = Signal._make(row)
    return signal._replace(moments=_moments(row.moments), rules=tuple(signal.rules))


def _assignment(row: Row[Any]) -> Assignment:
    return Assignment._make(row)._replace(moments=_moments(row.moments))
