"""The one table from event type to model to topic, and the topics themselves."""

from dataclasses import dataclass
from typing import Literal

from events import answers, outcomes
from events.signals import CANARY, KINDS, REPORTS, SIGNALS, AnyKind, Data

PREFIX = "nl.koikarper"
Sender = Literal["team", "department", "either", "loop"]

RETENTION_MS = 90 * 24 * 3600 * 1000
"""Longer than the oldest backup that anyone would restore: a restored ledger reads on from its own offsets."""
DEAD_LETTER_RETENTION_MS = 7 * 24 * 3600 * 1000


@dataclass(frozen=True, slots=True)
class Entry:
    """One type of event: the model of its `data`, who sends it, and the pattern of the topics on which it is found."""

    name: str
    model: type[Data]
    sender: Sender
    topics: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Topic:
    """One topic as it must exist on the broker; names without a deployment's prefix."""

    name: str
    partitions: int = 1
    retention_ms: int = RETENTION_MS
    max_message_bytes: int = 1024 * 1024


def signal_type(kind: AnyKind) -> str:
    """The event type of a kind of signal."""
    return f"{PREFIX}.signals.{kind}.v1"


def neighbourhood_topic(kind: AnyKind) -> str:
    """The topic on which teams emit signals of this kind."""
    return f"neighbourhood.{kind}"


def department_assignments(code: str) -> str:
    """The topic to which a department subscribes."""
    return f"department.{code}.assignments"


def department_answers(code: str) -> str:
    """The topic on which a department answers; the topic is its identity."""
    return f"department.{code}.answers"


def team_feedback(code: str) -> str:
    """The topic on which a team hears what became of its signals."""
    return f"team.{code}.feedback"


def team_answers(code: str) -> str:
    """The topic on which a team answers; the topic is its identity."""
    return f"team.{code}.answers"


DEAD_LETTERS = "dead-letters"
RETRIES = "loop.retries"
PRECEDENTS = "loop.precedents"
PATTERNS = "loop.patterns"

_DEPARTMENT = department_assignments("{code}")
_FEEDBACK = team_feedback("{code}")


def _answer(domain: str, name: str, model: type[Data], sender: Sender, *heard: str) -> Entry:
    """An answer on its sender's topic, and `heard` as it was sent on another's."""
    topic = department_answers("{code}") if sender == "department" else team_answers("{code}")
    return Entry(f"{PREFIX}.{domain}.{name}.v1", model, sender, (topic, *heard))


def _outcome(name: str, model: type[Data], *topics: str) -> Entry:
    return Entry(f"{PREFIX}.{name}.v1", model, "loop", topics)


_SIGNALS = [
    Entry(
        signal_type(kind),
        SIGNALS[kind],
        "either" if kind == "intervention-announced" else "team",
        (neighbourhood_topic(kind),),
    )
    for kind in KINDS
]

_ANSWERS = [
    _answer("assignments", "acknowledged", answers.Acknowledged, "department", _FEEDBACK),
    _answer("assignments", "handed-over", answers.HandedOver, "department", _FEEDBACK),
    _answer("assignments", "extended", answers.Extended, "department", _FEEDBACK),
    _answer("assignments", "resolved", answers.Resolved, "department", _FEEDBACK),
    _answer("signals", "confirmed", answers.Confirmed, "team"),
    _answer("signals", "contested", answers.Contested, "team", _DEPARTMENT),
    _answer("signals", "withdrawn", answers.Withdrawn, "team"),
    _answer("signals", "contact-recorded", answers.ContactRecorded, "team"),
]

_OUTCOMES = [
    _outcome("assignments.assigned", outcomes.Assigned, _DEPARTMENT, _FEEDBACK),
    _outcome("assignments.reminded", outcomes.Called, _DEPARTMENT, _FEEDBACK),  # the team, where confirming is due
    _outcome("assignments.escalated", outcomes.Called, _DEPARTMENT, _FEEDBACK),
    _outcome("assignments.deadline-missed", outcomes.DeadlineMissed, _DEPARTMENT, _FEEDBACK),
    _outcome("signals.resolution-proposed", outcomes.ResolutionProposed, _FEEDBACK),
    _outcome("signals.closed", outcomes.Closed, _DEPARTMENT, _FEEDBACK),
    _outcome("answers.refused", outcomes.Refused, _DEPARTMENT, _FEEDBACK),
    _outcome("precedents.published", outcomes.PrecedentPublished, PRECEDENTS),
]

INPUTS: dict[str, Entry] = {entry.name: entry for entry in (*_SIGNALS, *_ANSWERS)}
"""What people write: signals and answers."""

OUTCOMES: dict[str, Entry] = {entry.name: entry for entry in _OUTCOMES}
"""What the loop decides."""

CATALOGUE: dict[str, Entry] = INPUTS | OUTCOMES
"""What is published: as schemas, in AsyncAPI and in OpenAPI."""

_CANARY = Entry(signal_type(CANARY), REPORTS[CANARY], "team", (neighbourhood_topic(CANARY),))
READABLE: dict[str, Entry] = INPUTS | {_CANARY.name: _CANARY}
"""What the gateway and the ledger read: what people write, and the canary, which nobody outside can write or read."""


def kind_of(type_: str) -> AnyKind | None:
    """The kind of signal that this type reports, or None when it is no signal."""
    return _KINDS.get(type_)


_KINDS: dict[str, AnyKind] = {signal_type(kind): kind for kind in REPORTS}


def neighbourhood_topics() -> tuple[Topic, ...]:
    """The topics of the signals: six partitions each, since many teams share them."""
    return tuple(Topic(neighbourhood_topic(kind), partitions=6) for kind in KINDS)


def canary_topics() -> tuple[Topic, ...]:
    """The canary's own: a signal's six partitions, for the canary is to go over all of them, and its two senders'."""
    return Topic(neighbourhood_topic(CANARY), partitions=6), *department_topics(CANARY), *team_topics(CANARY)


def department_topics(code: str) -> tuple[Topic, ...]:
    """A department's topics, of one partition: what one sender says has one order, whatever its partitioner."""
    return Topic(department_assignments(code)), Topic(department_answers(code))


def team_topics(code: str) -> tuple[Topic, ...]:
    """A team's topics, of one partition each."""
    return Topic(team_answers(code)), Topic(team_feedback(code))


def loop_topics() -> tuple[Topic, ...]:
    """The loop's own topics; a dead letter carries a whole record and its headers, so it may be larger."""
    return (
        Topic(DEAD_LETTERS, retention_ms=DEAD_LETTER_RETENTION_MS, max_message_bytes=2 * 1024 * 1024),
        Topic(RETRIES, max_message_bytes=2 * 1024 * 1024),
        Topic(PRECEDENTS),
        Topic(PATTERNS),
    )
