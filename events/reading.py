"""From a structured-mode dictionary to a checked event, with every fault reported at once."""

import difflib
from datetime import datetime
from typing import Any, NamedTuple

from pydantic import ValidationError

from events import answers, signals
from events.catalogue import CATALOGUE, READABLE, Entry
from events.envelope import ATTRIBUTES, Attributes
from events.faults import Fault, Reason, Unreadable, faults_of
from events.moments import first_day, is_later
from events.signals import Data
from events.texts import personal_data

EXTENSION_LENGTH_MAX = 20
_LATER = "lies in the future; it cannot be later than the moment of receipt"
_NO_EXTENSIONS = ATTRIBUTES | {"data"}


class Event(NamedTuple):
    """A checked event: its attributes, its data as a model, and `raw`, the whole event as it was sent."""

    attributes: Attributes
    data: Data
    raw: dict[str, Any]

    @property
    def type(self) -> str:
        """The event's type."""
        return self.attributes.type

    @property
    def source(self) -> str:
        """Who says it."""
        return self.attributes.source

    @property
    def id(self) -> str:
        """Its id, unique within its source."""
        return self.attributes.id


def parse(raw: dict[str, Any], *, strict: bool, table: dict[str, Entry] = CATALOGUE) -> Event:
    """Check `raw` against the model of its type; raises `Unreadable` with all faults together.

    `strict` refuses unknown fields of `data` (the HTTP edge); without it they are kept in `raw` and ignored.
    """
    # The models' own validators, here and for the attributes: `model_validate` first looks at arguments that are not
    # given, in a tenth of the whole time.
    attributes, faults = _attributes(raw)
    entry = table.get(str(raw.get("type")))
    if entry is None and not faults:
        raise Unreadable("unknown-type", [Fault("type", _unknown_type(str(raw.get("type")), table))])
    data: Data | None = None
    if entry is not None:
        try:
            data = entry.model.__pydantic_validator__.validate_python(
                raw.get("data", {}), extra="forbid" if strict else "ignore", by_name=False
            )
        except ValidationError as error:
            faults += faults_of(error, "data")
    if attributes is None or data is None or faults:
        raise Unreadable("unreadable", faults)
    return Event(attributes, data, raw)


def read_input(raw: dict[str, Any], received: datetime, *, strict: bool) -> Event:
    """Read what a team or department sent: `parse`, no personal data, and no moment later than `received`."""
    event = parse(raw, strict=strict, table=READABLE)
    _refuse("personal-data", list(personal_data(raw.get("data"))))
    _refuse("in-the-future", _future(event, received))
    return event


def check_input(raw: dict[str, Any], received: datetime, *, strict: bool) -> tuple[Event | None, list[Fault]]:
    """As `read_input`, with the faults of every sort together: at the HTTP edge a person mends them all at once."""
    personal = list(personal_data(raw.get("data")))
    try:
        event = parse(raw, strict=strict, table=READABLE)
    except Unreadable as error:
        return None, [*error.faults, *personal]
    return event, [*personal, *_future(event, received)]


def _refuse(reason: Reason, faults: list[Fault]) -> None:
    if faults:
        raise Unreadable(reason, faults)


def _attributes(raw: dict[str, Any]) -> tuple[Attributes | None, list[Fault]]:
    faults = []
    if raw.keys() - _NO_EXTENSIONS:
        faults = [fault for name in raw if name not in _NO_EXTENSIONS for fault in _extension(name, raw[name])]
    try:
        attributes: Attributes = Attributes.__pydantic_validator__.validate_python(raw, extra="ignore")
    except ValidationError as error:
        return None, faults_of(error) + faults
    return attributes, faults


def _extension(name: str, value: Any) -> list[Fault]:
    if name == "data_base64":
        return [Fault(name, "is not read: the data of these events is JSON, in `data`")]
    if not (name.isascii() and name.isalnum() and name == name.lower() and len(name) <= EXTENSION_LENGTH_MAX):
        return [Fault(name, f"is no attribute: names are a-z and 0-9, at most {EXTENSION_LENGTH_MAX} characters")]
    if isinstance(value, int) and not -(2**31) <= value < 2**31:
        return [Fault(name, "must fit in 32 bits, or be a string")]
    if value is not None and not isinstance(value, str | int | bool):
        return [Fault(name, "must be a string, a whole number or a boolean")]
    return []  # null means that the attribute is not set (CloudEvents JSON format 2.2)


def _unknown_type(type_: str, table: dict[str, Entry]) -> str:
    close = difflib.get_close_matches(type_, table, n=1)
    return f"{type_!r} is not known here" + (f"; did you mean {close[0]!r}?" if close else "")


def _future(event: Event, received: datetime) -> list[Fault]:
    late: list[str] = []
    time, data = event.attributes.time, event.data
    if time is not None and is_later(time, received):
        late.append("time")
    if signals.is_report(data):
        if data.since is not None and is_later(data.since, received):
            late.append("data.since")
        if type(data) is signals.GrievanceReported and is_later(first_day(data.happened_on), received):
            late.append("data.happenedOn")
    elif type(data) is answers.ContactRecorded and data.on is not None and is_later(data.on, received):
        late.append("data.on")  # or a plan to visit would count as having spoken
    return [Fault(where, _LATER) for where in late]
