"""Timestamps of a log as moments: aware UTC, in whole milliseconds, as a Kafka record holds them."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class Reader:
    """Reads the timestamps of one log; `now` bounds them, for Kafka refuses records from the future."""

    now: datetime
    zone: ZoneInfo | None = None
    format: str | None = None

    def read(self, text: str) -> datetime:
        """The moment that `text` names, less what is below a millisecond; ValueError says why it is none."""
        try:
            moment = whole(self._with_offset(text, self._parsed(text)))
        except OverflowError:
            raise ValueError(f"{text!r} is no moment of the calendar") from None
        if moment < _EPOCH:
            raise ValueError(f"{text!r} lies before 1970")
        if moment > self.now:
            raise ValueError(f"{text!r} lies in the future")
        return moment

    def _parsed(self, text: str) -> datetime:
        try:
            if self.format:
                return datetime.strptime(text.strip(), self.format)  # noqa: DTZ007 - the zone is added by the caller
            return datetime.fromisoformat(text.strip())
        except ValueError:
            how = f"in the form {self.format!r}" if self.format else "in ISO 8601"
            raise ValueError(f"{text!r} is no moment {how}") from None

    def _with_offset(self, text: str, parsed: datetime) -> datetime:
        if parsed.tzinfo is not None:
            return parsed.astimezone(UTC)
        if self.zone is None:
            raise ValueError(f"{text!r} has no offset; name the log's `timezone` in the mapping")
        # An hour that comes twice, when the clock goes back, is read as the first of the two.
        moment = parsed.replace(tzinfo=self.zone).astimezone(UTC)
        if moment.astimezone(self.zone).replace(tzinfo=None) != parsed:
            raise ValueError(f"{text!r} does not exist in {self.zone.key}: the clock went forward over it")
        return moment


def whole(moment: datetime) -> datetime:
    """The moment in UTC without what is below a millisecond."""
    moment = moment.astimezone(UTC)
    return moment - timedelta(microseconds=moment.microsecond % 1000)
