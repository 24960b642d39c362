"""What the loop decides and tells (contract 1.4)."""

from typing import Annotated, Any, Literal, get_args

from pydantic import Field, WithJsonSchema

from events.answers import Outcome
from events.identifiers import Code, Identifier
from events.moments import Moment
from events.signals import KINDS, AnyKind, Data, Rule
from events.texts import Word

Stage = Literal["acknowledge", "resolve", "confirm"]
How = Literal["confirmed", "withdrawn", "unconfirmed"]
RefusalCode = Literal[
    "unknown-assignment",
    "unknown-signal",
    "not-your-assignment",
    "not-your-signal",
    "already-resolved",
    "already-handed-over",
    "already-closed",
    "not-resolved-yet",
    "unknown-department",
    "date-in-the-past",
    "too-far",
    "too-late",
    "too-many-extensions",
    "too-many-hand-overs",
    "unreadable",
]
Kind = Annotated[AnyKind, WithJsonSchema({"enum": list(KINDS), "type": "string"})]
"""The kind of a signal; what is published names those of people, for no outsider's topic carries the canary's."""
Ordinal = Annotated[int, Field(ge=1, strict=True)]
REFUSAL_CODES: tuple[RefusalCode, ...] = get_args(RefusalCode)


class Assigned(Data):
    """A department must acknowledge and resolve a signal; `report` is the signal's own data."""

    assignment: Identifier
    signal: Identifier
    department: Code
    round: Ordinal
    kind: Kind
    because: str
    waiting_since: Moment
    acknowledge_by: Moment
    resolve_by: Moment
    handed_over_from: Code | None = None
    report: dict[str, Any]


class Called(Data):
    """A reminder, or a rung of the ladder that calls in `to`."""

    assignment: Identifier
    signal: Identifier
    department: Code
    stage: Stage
    due: Moment
    rung: Ordinal
    to: Code
    path: list[Code] | None = None  # who passed it on to whom, where the third hand-over is what calls


class DeadlineMissed(Data):
    """A promise that was not kept."""

    assignment: Identifier
    signal: Identifier
    department: Code
    stage: Stage
    due: Moment
    promise: Literal["first", "extended"]


class AssignmentOutcome(Data):
    """How one department says that it resolved the signal."""

    assignment: Identifier
    department: Code
    outcome: Outcome
    explanation: str


class ResolutionProposed(Data):
    """All assignments are resolved: is it so for the residents?"""

    signal: Identifier
    outcomes: list[AssignmentOutcome]
    confirm_by: Moment


class Closed(Data):
    """The signal is closed, and how."""

    signal: Identifier
    how: How


class EventReference(Data):
    """The event that an answer is about."""

    source: str
    id: str


class Refused(Data):
    """An answer that cannot be: a code for programs and a sentence for people."""

    event: EventReference
    reason: RefusalCode
    explanation: str


class PrecedentPublished(Data):
    """A custom solution with its reasons, for the next one who decides."""

    precedent: Identifier
    rule: Rule
    features: list[Word]
    outcome: Outcome
    justification: str
    department: Code
    signal: Identifier
