"""When a promise is due: on the department's calendar, from the moment at which it was made."""

from datetime import datetime
from typing import NamedTuple

from services.agreements.durations import Duration
from services.agreements.model import Agreements


class Dates(NamedTuple):
    """By when an assignment is acknowledged and resolved (aware UTC)."""

    acknowledge_by: datetime
    resolve_by: datetime


def dates(agreements: Agreements, department: str, promise: str, at: datetime) -> Dates:
    """The dates that `department` promises at `at` under the promise of that name."""
    made = agreements.promise_of(department, promise)
    return Dates(_end(agreements, department, made.acknowledge, at), _end(agreements, department, made.resolve, at))


def confirm_by(agreements: Agreements, department: str, promise: str, at: datetime) -> datetime:
    """By when the team says whether it is solved, asked at `at`."""
    return _end(agreements, department, agreements.promise_of(department, promise).confirm, at)


def latest_extension(agreements: Agreements, department: str, promise: str, resolve_by: datetime) -> datetime:
    """The latest date that one extension of the date that stands may name; that date itself when none is allowed."""
    extension = agreements.promise_of(department, promise).extension
    return _end(agreements, department, extension, resolve_by) if extension else resolve_by


def _end(agreements: Agreements, department: str, duration: Duration, at: datetime) -> datetime:
    return agreements.calendar_of(department).add(at, duration)
