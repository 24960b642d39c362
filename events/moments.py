"""Moments and days as they stand in events: RFC 3339 with an offset, and dates of which only the year may be known."""

import re
from datetime import UTC, date, datetime, timedelta
from typing import Annotated, Any
from zoneinfo import ZoneInfo

from pydantic import AwareDatetime, BeforeValidator, PlainSerializer, StringConstraints, TypeAdapter

AMSTERDAM = ZoneInfo("Europe/Amsterdam")
GRACE = timedelta(minutes=1)
"""How much later than the moment of receipt a sender's clock may be (contract 1)."""

_RFC3339 = re.compile(r"\d{4}-\d\d-\d\d[Tt]\d\d:\d\d:\d\d(\.\d+)?([Zz]|[+-]\d\d:\d\d)", re.ASCII)
_DATE = re.compile(r"\d{4}-\d\d-\d\d", re.ASCII)


def _rfc3339(value: Any) -> Any:
    if isinstance(value, datetime):
        return value
    if not isinstance(value, str) or not _RFC3339.fullmatch(value):
        raise ValueError("must be a date and time with an offset, as in 2026-11-24T09:30:00+01:00")
    return value


def _day(value: Any) -> Any:
    if isinstance(value, date) and not isinstance(value, datetime):
        return value
    if not isinstance(value, str) or not _DATE.fullmatch(value):
        raise ValueError("must be a date, as in 2026-11-24")
    return value


def zulu(moment: datetime) -> str:
    """The moment in UTC with `Z`, in milliseconds: the precision of a Kafka record's timestamp."""
    return moment.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


Moment = Annotated[AwareDatetime, BeforeValidator(_rfc3339), PlainSerializer(zulu, return_type=str, when_used="json")]
Day = Annotated[date, BeforeValidator(_day)]

_MOMENT: TypeAdapter[datetime] = TypeAdapter(Moment)
_DAY: TypeAdapter[date] = TypeAdapter(Day)


def parse_moment(text: str) -> datetime:
    """The moment that RFC 3339 `text` names; ValueError when it is none."""
    return _MOMENT.validate_python(text)


def _since(value: Any) -> Any:
    if isinstance(value, str) and _DATE.fullmatch(value):
        return _DAY.validate_python(value)
    return _MOMENT.validate_python(value)


Since = Annotated[Day | Moment, BeforeValidator(_since)]
"""How long it has been so: a date, or a date and time with an offset."""

PartialDay = Annotated[str, StringConstraints(pattern=r"^\d{4}(-(0[1-9]|1[0-2])(-(0[1-9]|[12]\d|3[01]))?)?$")]
"""A date, a year and month, or a year: an old grievance is not always known to the day."""


def first_day(partial: str) -> date:
    """The first day that a partial date can mean; ValueError when there is no such day."""
    year, month, day = [*map(int, partial.split("-")), 1, 1][:3]
    return date(year, month, day)


def is_later(when: date | datetime, received: datetime) -> bool:
    """Whether `when` lies after the moment of receipt and its grace; a day counts in Europe/Amsterdam."""
    limit = received + GRACE
    if isinstance(when, datetime):
        return when > limit
    return when > limit.astimezone(AMSTERDAM).date()
