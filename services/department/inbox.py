"""The inbox: a department's topic folded into the assignments that are open, and each event in words. Pure."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any, Self
from uuid import UUID

from events.answers import Contested
from events.moments import parse_moment, zulu
from events.outcomes import Assigned, Called, Closed, DeadlineMissed, Refused
from services.department.received import ESCALATED, Heard

OPEN = frozenset({"waiting", "acknowledged"})
"""The states in which a department must still do something (contract 2)."""


@dataclass(frozen=True, slots=True)
class Item:
    """One assignment in the inbox."""

    id: UUID
    signal: UUID
    title: str
    kind: str
    state: str
    waiting_since: datetime
    acknowledge_by: datetime
    resolve_by: datetime
    calls: frozenset[tuple[str, int]] = frozenset()
    """Stage and rung of every reminder and escalation."""
    missed: frozenset[tuple[str, str]] = frozenset()
    """Stage and promise of every deadline that was missed."""


@dataclass(frozen=True, slots=True)
class Inbox:
    """What is open for one department. `take` gives the next one; the same event twice changes nothing.

    The topic tells what comes in, not what the department itself answered: the state of an item is the gateway's
    (`of`) or `waiting`, and an item leaves when its signal is closed.
    """

    department: str
    items: Mapping[UUID, Item] = field(default_factory=dict)
    closed: frozenset[UUID] = frozenset()
    """Signals that were closed: an old assignment of theirs that comes again does not open them."""

    @classmethod
    def of(cls, department: str, items: Iterable[Item]) -> Self:
        """An inbox that begins with these items."""
        return cls(department, {item.id: item for item in items})

    def take(self, heard: Heard) -> "Inbox":
        """The inbox after one event of the topic."""
        match heard.data:
            case Assigned() as data if data.signal not in self.closed and data.assignment not in self.items:
                return self._with(item_of(data))
            case Called() as data if item := self.items.get(data.assignment):
                return self._with(replace(item, calls=item.calls | {(data.stage, data.rung)}))
            case DeadlineMissed() as data if item := self.items.get(data.assignment):
                return self._with(replace(item, missed=item.missed | {(data.stage, data.promise)}))
            case Contested() as data:
                again = {
                    id_: replace(item, state="acknowledged") if _is_contested(item, data) else item
                    for id_, item in self.items.items()
                }
                return replace(self, items=again, closed=self.closed - {data.signal})
            case Closed() as data:
                kept = {id_: item for id_, item in self.items.items() if item.signal != data.signal}
                return replace(self, items=kept, closed=self.closed | {data.signal})
            case _:
                return self

    def open(self) -> list[Item]:
        """The items, longest waiting first."""
        return sorted(self.items.values(), key=lambda item: (item.waiting_since, item.id))

    def _with(self, item: Item) -> "Inbox":
        return replace(self, items={**self.items, item.id: item})


def item_of(data: Assigned) -> Item:
    """The item of a new assignment."""
    return Item(
        id=data.assignment,
        signal=data.signal,
        title=str(data.report.get("title", "")),
        kind=data.kind,
        state="waiting",
        waiting_since=data.waiting_since,
        acknowledge_by=data.acknowledge_by,
        resolve_by=data.resolve_by,
    )


def item_of_row(row: Mapping[str, Any]) -> Item:
    """The item of an assignment as the gateway shows it, with its signal's title."""
    return Item(
        id=UUID(row["id"]),
        signal=UUID(row["signal"]),
        title=str(row["title"]),
        kind=row["kind"],
        state=row["state"],
        waiting_since=parse_moment(row["waitingSince"]),
        acknowledge_by=parse_moment(row["acknowledgeBy"]),
        resolve_by=parse_moment(row["resolveBy"]),
    )


def sentence(heard: Heard, inbox: Inbox) -> str:
    """One event in one line for people; `inbox` is as it was before the event."""
    match heard.data:
        case Assigned() as data:
            return (
                f"assigned {data.assignment} {_title(data)} ({data.kind}), "
                f"acknowledge by {zulu(data.acknowledge_by)}, resolve by {zulu(data.resolve_by)}"
            )
        case Called() as data:
            act = "escalated" if heard.type == ESCALATED else "reminded"
            whose = "" if data.department == inbox.department else f" of {data.department}"
            return (
                f"{act} {data.assignment}{whose}, {data.stage} due {zulu(data.due)}, rung {data.rung} calls {data.to}"
            )
        case DeadlineMissed() as data:
            return f"deadline missed {data.assignment}, {data.stage} was due {zulu(data.due)} ({data.promise} date)"
        case Contested() as data:
            return f"contested signal {data.signal}: {data.reason}"
        case Closed() as data:
            return f"closed signal {data.signal} as {data.how}"
        case Refused() as data:
            return f"refused {data.event.id} [{data.reason}]: {data.explanation}"


def as_json(heard: Heard) -> dict[str, Any]:
    """One event for programs: what was sent, and when the broker received it."""
    return {"receivedAt": zulu(heard.at), "event": heard.raw}


def _is_contested(item: Item, data: Contested) -> bool:
    named = item.state == "resolved" if data.assignments is None else item.id in data.assignments
    return named and item.signal == data.signal


def _title(data: Assigned) -> str:
    return f"“{data.report.get('title', '')}”"
