"""How long, in Dutch words and in the short marks of an axis; and the round lengths that people promise."""

from collections.abc import Sequence

MINUTE, HOUR, DAY = 60, 3_600, 86_400
WEEK, YEAR = 7 * DAY, 365 * DAY

ROUND: tuple[int, ...] = (
    *(1, 5, 10, 30, MINUTE, 2 * MINUTE, 5 * MINUTE, 15 * MINUTE, HOUR, 4 * HOUR, 8 * HOUR),
    *(days * DAY for days in (1, 2, 3, 5, 7, 14, 30, 56, 70, 140)),
    *(years * YEAR for years in (1, 2, 5, 10, 20, 50, 100)),
)
"""Seconds. From 15 minutes to 70 days they are the buckets of the metrics (`counting.BOUNDS`)."""

_WORDS = (
    (YEAR, "jaar", "jaar"),
    (WEEK, "week", "weken"),
    (DAY, "dag", "dagen"),
    (HOUR, "uur", "uur"),
    (MINUTE, "minuut", "minuten"),
    (1, "seconde", "seconden"),
)
_MARKS = ((YEAR, "jr"), (WEEK, "wk"), (DAY, "d"), (HOUR, "u"), (MINUTE, "min"), (1, "s"))
_MEANINGS = {"s": "seconden", "min": "minuten", "u": "uur", "d": "dagen", "wk": "weken", "jr": "jaar"}
_STEPS = (
    *(1, 2, 5, 10, 15, 30, MINUTE, 2 * MINUTE, 5 * MINUTE, 10 * MINUTE, 15 * MINUTE, 30 * MINUTE),
    *(HOUR, 2 * HOUR, 4 * HOUR, 8 * HOUR, 12 * HOUR, DAY, 2 * DAY, WEEK, 2 * WEEK, 4 * WEEK, 8 * WEEK, 13 * WEEK),
    *(26 * WEEK, YEAR, 2 * YEAR, 5 * YEAR, 10 * YEAR, 20 * YEAR, 50 * YEAR, 100 * YEAR),
)


def words(seconds: float) -> str:
    """The two largest units, rounded down: `3 weken en 2 dagen`, `1 uur`, `minder dan een seconde`."""
    left = int(seconds)
    if left < 1:
        return "minder dan een seconde"
    for number, (size, one, many) in enumerate(_WORDS):
        count, rest = divmod(left, size)
        if count:
            return _and(f"{count} {one if count == 1 else many}", _next(number, rest))
    raise AssertionError("unreachable: a second or more has a unit")


def mark(seconds: int) -> str:
    """The shortest whole number of one unit: `14 d` is `2 wk`, `30 d` stays; an hour and a half is `90 min`."""
    size, unit = next((size, unit) for size, unit in _MARKS if seconds % size == 0)
    return f"{seconds // size} {unit}"


def meanings(marks: Sequence[str]) -> str:
    """What the units in these marks mean, for under an axis: `d = dagen, wk = weken`."""
    used = {text.split()[-1] for text in marks if " " in text}
    return ", ".join(f"{unit} = {meaning}" for unit, meaning in _MEANINGS.items() if unit in used)


def ticks(longest_seconds: float, most: int = 6) -> list[int]:
    """From 0, at most `most` steps of one round length, until past `longest_seconds`."""
    step = next((step for step in _STEPS if step * most >= longest_seconds), _STEPS[-1])
    return [step * count for count in range(int(longest_seconds // step) + 2)]


def _next(number: int, rest: int) -> str:
    if number + 1 == len(_WORDS):
        return ""
    size, one, many = _WORDS[number + 1]
    count = rest // size
    return f"{count} {one if count == 1 else many}" if count else ""


def _and(first: str, second: str) -> str:
    return f"{first} en {second}" if second else first
