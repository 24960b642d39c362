"""Moments and days as they stand in events: RFC 3339 with an offset, and dates of which only the year may be known."""

import re
from datetime import UTC, date, datetime, timedelta
from typing import Annotated, Any
from zoneinfo import ZoneInfo

from pydantic import (
    AfterValidator,
    AwareDatetime,
    BeforeValidator,
    PlainSerializer,
    PlainValidator,
    TypeAdapter,
    ValidationError,
    WithJsonSchema,
)

from events.forms import Form

AMSTERDAM = ZoneInfo("Europe/Amsterdam")
GRACE = timedelta(minutes=1)
"""How much later than the moment of receipt a sender's clock may be (contract 1)."""

_RFC3339 = r"^[0-9]{4}-[0-9]{2}-[0-9]{2}[Tt][0-9]{2}:[0-9]{2}:[0-9]{2}(\.[0-9]+)?([Zz]|[+-][0-9]{2}:[0-9]{2})$"
_DATE = r"^[0-9]{4}-[0-9]{2}-[0-9]{2}$"
_IS_RFC3339, _IS_DATE = re.compile(_RFC3339), re.compile(_DATE)
_MOMENT_SCHEMA: dict[str, Any] = {"type": "string", "format": "date-time", "pattern": _RFC3339}
_DAY_SCHEMA: dict[str, Any] = {"type": "string", "format": "date", "pattern": _DATE}


def _rfc3339(value: Any) -> Any:
    if isinstance(value, datetime):
        return value
    if not isinstance(value, str) or not _IS_RFC3339.fullmatch(value):
        raise ValueError("must be a date and time with an offset, as in 2026-11-24T09:30:00+01:00")
    return value


def _has_utc(moment: datetime) -> datetime:
    if 1 < moment.year < 9999:  # noqa: PLR2004 - nearly all: only in the calendar's first and last year can it fail
        return moment
    try:
        moment.astimezone(UTC)
    except OverflowError:
        raise ValueError("lies outside the calendar when told in UTC") from None
    return moment


def _day(value: Any) -> Any:
    if isinstance(value, date) and not isinstance(value, datetime):
        return value
    if not isinstance(value, str) or not _IS_DATE.fullmatch(value):
        raise ValueError("must be a date, as in 2026-11-24")
    return value


def zulu(moment: datetime) -> str:
    """The moment in UTC with `Z`, in milliseconds: the precision of a Kafka record's timestamp."""
    utc = moment if moment.tzinfo is UTC else moment.astimezone(UTC)
    day, clock = (utc.year, utc.month, utc.day), (utc.hour, utc.minute, utc.second, utc.microsecond // 1000)
    return "%04d-%02d-%02dT%02d:%02d:%02d.%03dZ" % (*day, *clock)  # noqa: UP031 - `isoformat` needs twice as long


Moment = Annotated[
    AwareDatetime,
    BeforeValidator(_rfc3339),
    AfterValidator(_has_utc),
    PlainSerializer(zulu, return_type=str, when_used="json"),
    WithJsonSchema(_MOMENT_SCHEMA),
]
"""A date and time with an offset."""

Day = Annotated[date, BeforeValidator(_day), WithJsonSchema(_DAY_SCHEMA)]
"""A day of the calendar."""

_MOMENT: TypeAdapter[datetime] = TypeAdapter(Moment)
_DAY: TypeAdapter[date] = TypeAdapter(Day)


def parse_moment(text: str) -> datetime:
    """The moment that RFC 3339 `text` names; ValueError when it is none."""
    return _MOMENT.validate_python(text)


def _since(value: Any) -> date | datetime:
    is_day = isinstance(value, date) or (isinstance(value, str) and _IS_DATE.fullmatch(value))
    adapter: TypeAdapter[Any] = _MOMENT if isinstance(value, datetime) or not is_day else _DAY
    try:
        moment: date | datetime = adapter.validate_python(value)
    except ValidationError:
        raise ValueError(
            "must be a date, or a date and time with an offset, as in 2026-11-24 or 2026-11-24T09:30:00+01:00"
        ) from None
    return moment


Since = Annotated[
    date | datetime,
    PlainValidator(_since),
    WithJsonSchema({"anyOf": [_DAY_SCHEMA, _MOMENT_SCHEMA]}),
]
"""How long it has been so: a date, or a date and time with an offset."""


def first_day(partial: str) -> date:
    """The first day that a partial date can mean; ValueError when there is no such day."""
    year, month, day = [*map(int, partial.split("-")), 1, 1][:3]
    return date(year, month, day)


def _is_a_day(partial: str) -> str:
    try:
        first_day(partial)
    except ValueError:
        raise ValueError("is no day of the calendar") from None
    return partial


PartialDay = Annotated[
    str,
    Form(
        r"^[0-9]{4}(-(0[1-9]|1[0-2])(-(0[1-9]|[12][0-9]|3[01]))?)?$",
        "a date, a year and month, or a year, as in 1998-05-01, 1998-05 or 1998",
        10,
    ),
    AfterValidator(_is_a_day),
]
"""A date, a year and month, or a year: an old grievance is not always known to the day."""


def is_later(when: date | datetime, received: datetime) -> bool:
    """Whether `when` lies after the moment of receipt and its grace; a day counts in Europe/Amsterdam."""
    limit = received + GRACE
    if isinstance(when, datetime):
        return when > limit
    return when > limit.astimezone(AMSTERDAM).date()
