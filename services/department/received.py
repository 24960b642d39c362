"""What a department hears on its topic: an event of the loop, checked, with the broker's moment."""

from datetime import datetime
from typing import Any, Generic, NamedTuple, TypeVar

from events.answers import Contested
from events.catalogue import CATALOGUE, PREFIX
from events.envelope import OUTCOME_SIZE_MAX, read_message
from events.faults import Unreadable
from events.outcomes import Assigned, Called, Closed, DeadlineMissed, Refused
from events.reading import parse
from events.signals import Data
from services.department.journal import EventKey
from services.runtime.errors import PermanentError
from services.runtime.records import Record

ASSIGNED = f"{PREFIX}.assignments.assigned.v1"
REMINDED = f"{PREFIX}.assignments.reminded.v1"
ESCALATED = f"{PREFIX}.assignments.escalated.v1"
DEADLINE_MISSED = f"{PREFIX}.assignments.deadline-missed.v1"
CONTESTED = f"{PREFIX}.signals.contested.v1"
CLOSED = f"{PREFIX}.signals.closed.v1"
REFUSED = f"{PREFIX}.answers.refused.v1"

D_co = TypeVar("D_co", bound=Data, covariant=True)


class Received(NamedTuple, Generic[D_co]):
    """An event as the department received it."""

    type: str
    key: EventKey
    """Its source and id: the same event again has the same."""
    at: datetime
    """When the broker received it: the same at every repeat of a handler, as the present moment is not."""
    data: D_co
    raw: dict[str, Any]
    """The whole event as it was sent, with fields that a newer version of the loop may have added."""


Assignment = Received[Assigned]
Call = Received[Called]
Missed = Received[DeadlineMissed]
Contest = Received[Contested]
Closing = Received[Closed]
Refusal = Received[Refused]
Heard = Assignment | Call | Missed | Contest | Closing | Refusal


def read(record: Record, department: str) -> Heard | None:
    """The event in a record of the department's topic; raises `PermanentError` for what is none.

    None for a type of event that only a newer version of the loop knows: a new type is a compatible change.
    """
    try:
        raw = read_message(record.headers, record.value, size_max=OUTCOME_SIZE_MAX)
        event = parse(raw, strict=False, table=CATALOGUE)
    except Unreadable as error:
        if error.reason == "unknown-type" and str(raw.get("type")).startswith(f"{PREFIX}."):
            return None
        raise PermanentError(error.reason, str(error), record=record) from None
    if type(event.data) is Assigned and event.data.department != department:
        raise PermanentError(
            "unreadable", f"an assignment of {event.data.department}, not of {department}", record=record
        )
    said = event.attributes
    heard: Any = Received(said.type, EventKey(said.source, said.id), record.timestamp, event.data, event.raw)
    return heard  # type: ignore[no-any-return]  # which of the six it is, its type says
