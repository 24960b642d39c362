"""The section `calendars`: per calendar its time zone, opening hours, holidays and closed days."""

import re
from itertools import pairwise
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from ruamel.yaml.nodes import Node

from services.agreements.calendars import Calendar
from services.agreements.opening import Opening, Period
from services.agreements.reading.reader import Entry, Reader

DAYS = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
AMSTERDAM = "Europe/Amsterdam"
_PERIOD = re.compile(r"(\d{1,2}):(\d\d) *- *(\d{1,2}):(\d\d)", re.ASCII)
_HOUR, _DAY = 60, 1440


def read_calendar(reader: Reader, entry: Entry) -> Calendar:
    """One calendar."""
    what = f"calendar {entry.name}"
    found = reader.fields(entry.value, what, ("hours",), ("timezone", "holidays", "closed"), entry.key)
    closed = [reader.day(item, "a closed day") for item in reader.items(found.get("closed"), "closed")]
    return Calendar(
        entry.name,
        Opening(
            timezone=_timezone(reader, found.get("timezone")),
            week=_week(reader, found["hours"]) if "hours" in found else ((),) * 7,
            holidays=_holidays(reader, found.get("holidays")),
            closed=frozenset(day for day in closed if day),
        ),
    )


def _timezone(reader: Reader, node: Node | None) -> ZoneInfo:
    name = reader.text(node, "timezone") or AMSTERDAM
    try:
        return ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError, OSError):
        if node is not None:
            reader.problem(node, f"there is no time zone {name!r}; write {AMSTERDAM}")
        return ZoneInfo(AMSTERDAM)


def _holidays(reader: Reader, node: Node | None) -> bool:
    value = reader.text(node, "holidays")
    if node is not None and value and value != "NL":
        reader.problem(node, f"the holidays of {value!r} are not known; write NL, or leave it out to work on holidays")
    return value == "NL"


def _week(reader: Reader, node: Node) -> tuple[tuple[Period, ...], ...]:
    week: dict[int, tuple[Period, ...]] = {}
    for entry in reader.entries(node, "hours"):
        periods = _periods(reader, entry)
        for day in _days(reader, entry):
            if day in week:
                reader.problem(entry.key, f"{DAYS[day]} has its hours elsewhere too; keep one")
            week[day] = periods
    if not any(week.values()):
        reader.problem(node, 'no day is open; write for example mon-fri: ["09:00-17:00"]')
    return tuple(week.get(day, ()) for day in range(7))


def _days(reader: Reader, entry: Entry) -> list[int]:
    """The weekdays that a key names: `mon`, `mon-fri`, or several of these with commas."""
    days: list[int] = []
    for part in entry.name.replace(" ", "").split(","):
        first, _, last = part.partition("-")
        unknown = [name for name in (first, last or first) if name not in DAYS]
        if unknown or part.endswith("-"):
            reader.problem(entry.key, f"{entry.name!r} names no weekdays; write {', '.join(DAYS)} or mon-fri")
        elif last and DAYS.index(last) < DAYS.index(first):
            reader.problem(entry.key, f"the week begins on mon, so {part!r} runs backwards; write two keys")
        else:
            days += range(DAYS.index(first), DAYS.index(last or first) + 1)
    return days


def _periods(reader: Reader, entry: Entry) -> tuple[Period, ...]:
    what = f"the hours of {entry.name}"
    items = reader.items(entry.value, what)
    periods = sorted(period for item in items if (period := _period(reader, item, what)))
    for (_, closes), (opens, _) in pairwise(periods):
        if opens < closes:
            reader.problem(entry.value, f"{what} overlap; make them follow each other")
    return tuple(periods)


def _period(reader: Reader, node: Node, what: str) -> Period | None:
    text = reader.text(node, what)
    if not text:
        return None
    found = _PERIOD.fullmatch(text.strip())
    opens, closes = _minutes(found[1], found[2]) if found else None, _minutes(found[3], found[4]) if found else None
    if opens is None or closes is None or opens == _DAY:
        reader.problem(node, f'{text!r} is no period; write for example "09:00-12:30", until "24:00" at the latest')
        return None
    if closes <= opens:
        reader.problem(node, f'{text!r} ends before it begins; over midnight: "22:00-24:00", next day "00:00-06:00"')
        return None
    return opens, closes


def _minutes(hours: str, minutes: str) -> int | None:
    since_midnight = int(hours) * _HOUR + int(minutes)
    return since_midnight if int(minutes) < _HOUR and since_midnight <= _DAY else None
