"""What is counted for good: each decision adds to counters that never fall and equal a recount; pure.

The counts are rows, added to in the transaction that writes the decision, so no crash tells them apart from the
ledger. Labels stand in one key, in the order of contract 4, joined by `|`, which no code, kind or topic contains.
"""

from collections import Counter
from collections.abc import Iterable
from datetime import timedelta
from typing import Literal

from events.catalogue import PREFIX
from events.faults import Reason
from events.outcomes import Stage
from events.signals import CANARY
from services.ledger.state import OPEN, Assignment, Follow, State

Name = Literal[
    "signals",  # kind
    "signals_closed",  # kind, how
    "deadlines",  # department, stage, outcome
    "wait_bucket",  # department, stage, the bucket's upper bound in seconds; each wait in one bucket only
    "wait_microseconds",  # department, stage: the sum, in whole microseconds, so that any order adds up to the same
    "answers",  # department, answer
    "escalations",  # department, rung
    "precedents",  # department
    "dead_letters",  # topic, reason
]
"""What is counted, and by which labels."""

Key = tuple[Name, str]
Counts = Counter[Key]

SEPARATOR = "|"
_MINUTE, _HOUR, _DAY = 60, 3_600, 86_400
_DAYS = (1, 2, 3, 5, 7, 14, 30, 56, 70)
BOUNDS: tuple[int, ...] = (15 * _MINUTE, _HOUR, 4 * _HOUR, 8 * _HOUR, *(days * _DAY for days in _DAYS))
"""The buckets of the waits, in seconds: the promises people make, so that "within" is exact (contract 4)."""
ENDLESS = "+Inf"
"""The last bucket: longer than any bound."""
BUCKETS: tuple[str, ...] = (*(str(bound) for bound in BOUNDS), ENDLESS)

_MICROSECOND = timedelta(microseconds=1)


def key(name: Name, *labels: object) -> Key:
    """The key of one counter."""
    return name, SEPARATOR.join(map(str, labels))


def counted(before: State | None, after: State | None, follows: Iterable[Follow], *, said: bool = True) -> Counts:
    """What one decision adds: from the state before and after it and the events that follow.

    `said` is False when nobody said anything: what the loop hands over for a retired department is no answer. Nothing
    that happens to a canary is counted: these are figures about people.
    """
    counts: Counts = Counter()
    count(counts, before, after, follows, said=said)
    return counts


def count(
    counts: Counts, before: State | None, after: State | None, follows: Iterable[Follow], *, said: bool = True
) -> None:
    """Add what `counted` answers to `counts`, which may be those of many decisions."""
    if after is None or after.signal.kind == CANARY:
        return
    if before is None:
        counts[key("signals", after.signal.kind)] += 1
    known = before.assignments if before else {}
    for assignment in after.assignments.values():
        old = known.get(assignment.id)
        if old is assignment:
            continue
        _decided(counts, old, assignment)
        _waited(counts, old, assignment)
        if said and old is not None:
            _answered(counts, old, assignment)
    for follow in follows:
        _told(counts, follow, after)


def dead_lettered(topic: str, reason: Reason) -> Key:
    """The key of a dead letter's counter."""
    return key("dead_letters", topic, reason)


def bucket(wait: timedelta) -> str:
    """The first bucket that holds a wait; one of exactly a bound is within it."""
    return next((str(bound) for bound in BOUNDS if wait <= timedelta(seconds=bound)), ENDLESS)


def _decided(counts: Counts, old: Assignment | None, new: Assignment) -> None:
    """Each stage is decided once; one that was decided before it was handed over to here is not counted again."""
    department = new.department
    if new.acknowledge is not None and (old is None or old.acknowledge is None):
        counts[key("deadlines", department, "acknowledge", new.acknowledge)] += 1
    if new.resolve is not None and not new.resolve_inherited and (old is None or old.resolve is None):
        counts[key("deadlines", department, "resolve", new.resolve)] += 1
    if new.confirm is not None and (old is None or old.confirm is None):
        counts[key("deadlines", department, "confirm", new.confirm)] += 1


def _waited(counts: Counts, old: Assignment | None, new: Assignment) -> None:
    """A wait is counted once, when it is certain: a resolution can be contested until its signal closes."""
    if new.acknowledged_at is not None and (old is None or old.acknowledged_at is None):
        _wait(counts, new.department, "acknowledge", new.acknowledged_at - new.waiting_since)
    if new.stood_at is not None and (old is None or old.stood_at is None):
        _wait(counts, new.department, "resolve", new.stood_at - new.waiting_since)
    if new.answered_at is not None and new.asked_at is not None and (old is None or old.answered_at is None):
        _wait(counts, new.department, "confirm", new.answered_at - new.asked_at)


def _wait(counts: Counts, department: str, stage: Stage, wait: timedelta) -> None:
    counts[key("wait_bucket", department, stage, bucket(wait))] += 1
    counts[key("wait_microseconds", department, stage)] += wait // _MICROSECOND


def _answered(counts: Counts, old: Assignment, new: Assignment) -> None:
    verb = _verb(old, new)
    if verb:
        counts[key("answers", new.department, verb)] += 1
    for answer, more in (("extended", new.extensions - old.extensions), ("contested", new.contested - old.contested)):
        if more:
            counts[key("answers", new.department, answer)] += more


def _verb(old: Assignment, new: Assignment) -> str | None:
    """The department's answer that led from one state to the other, if it was one."""
    if old.state not in OPEN or old.state == new.state:
        return None
    return new.state if new.state in {"acknowledged", "handed-over", "resolved"} else None


def _told(counts: Counts, follow: Follow, after: State) -> None:
    data = follow.raw["data"]
    match follow.raw["type"].removeprefix(f"{PREFIX}.").removesuffix(".v1"):
        case "assignments.escalated":
            counts[key("escalations", data["department"], data["rung"])] += 1
        case "precedents.published":
            counts[key("precedents", data["department"])] += 1
        case "signals.closed":
            counts[key("signals_closed", after.signal.kind, data["how"])] += 1
            if data["how"] == "confirmed":
                closed = (item for item in after.assignments.values() if item.state == "closed")
                counts.update(key("answers", item.department, "confirmed") for item in closed)
