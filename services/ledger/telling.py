"""The events that the loop tells, each with an id that the same decision always has (contract 1.4)."""

from datetime import datetime
from functools import cache
from typing import Any
from uuid import UUID

from events import catalogue
from events.envelope import SIZE_MAX, structured
from events.identifiers import loop_id
from events.moments import zulu
from events.outcomes import AssignmentOutcome, EventReference, RefusalCode
from events.reading import Event
from services.agreements.senders import Sender
from services.ledger.draft import Draft
from services.ledger.state import Assignment, Follow, Moment, Signal

LOOP = "koikarper"
"""In which role the loop itself hands over what a retired code leaves behind."""
EXPLANATION_LENGTH_MAX = 1_000
UTF8_BYTES_MAX = 4
"""Of one character; JSON needs no more for one that may stand in plain text."""


def told(source: str, name: str, at: datetime, topics: tuple[str, ...], *identity: object, **data: Any) -> Follow:
    """An outcome of type `name`; `identity` says which decision it is, so that a repeat has the same id.

    `data` is by the names of its model, whose order and aliases are those on the wire. It is not validated: the loop's
    own words come from states and agreements that were, and the tests hold every one of them against its model.
    """
    type_ = f"{catalogue.PREFIX}.{name}.v1"
    body: dict[str, Any] = {}
    for field, alias in _wire(type_):
        value = data.get(field)
        if value is not None:
            body[alias] = value if type(value) in _JSON else _plain(value)
    raw = structured(id_=loop_id(type_, *identity), source=source, type_=type_, time=at, data=body)
    return Follow(topics, raw)


@cache  # as many as there are types of outcomes
def _wire(type_: str) -> tuple[tuple[str, str], ...]:
    fields = catalogue.CATALOGUE[type_].model.model_fields
    return tuple((name, field.alias or name) for name, field in fields.items())


_JSON = frozenset({str, int, dict, bool})
"""What stands in JSON as it is: asked first, since most values are."""


def _plain(value: Any) -> Any:
    """A value as it stands in JSON."""
    if isinstance(value, UUID):
        return str(value)
    if isinstance(value, datetime):
        return zulu(value)
    if isinstance(value, AssignmentOutcome | EventReference):
        return value.model_dump(mode="json", by_alias=True, exclude_none=True)
    return [_plain(item) for item in value] if isinstance(value, list) else value


def tell(draft: Draft, name: str, at: datetime, topics: tuple[str, ...], *identity: object, **data: Any) -> None:
    """Add an outcome to what follows."""
    draft.follows.append(told(draft.book.current.source, name, at, topics, *identity, **data))


def assigned(draft: Draft, assignment: Assignment) -> None:
    """A department has a new assignment; the team hears it."""
    draft.follows.append(assignment_told(draft.book.current.source, draft.signal, assignment))


def assignment_told(source: str, signal: Signal, assignment: Assignment) -> Follow:
    """The event that tells of an assignment as it is made: to its department, and to the team."""
    topics = (catalogue.department_assignments(assignment.department), catalogue.team_feedback(signal.team))
    return told(
        source,
        "assignments.assigned",
        assignment.assigned_at,
        topics,
        assignment.id,
        assignment=assignment.id,
        signal=assignment.signal,
        department=assignment.department,
        round=assignment.round,
        kind=assignment.kind,
        because=assignment.because,
        waiting_since=assignment.waiting_since,
        acknowledge_by=assignment.acknowledge_by,
        resolve_by=assignment.resolve_by,
        handed_over_from=assignment.handed_over_from,
        report=signal.report,
    )


def as_sent(event: Event, topics: tuple[str, ...]) -> Follow:
    """An answer is passed on as it was sent: the department's to the team, a contest to whose work it is about."""
    return Follow(topics, event.raw)


def inherited(draft: Draft, assignment: Assignment, heir: str, at: datetime) -> None:
    """The loop hands over what a retired department leaves behind; the team hears it as from the department."""
    tell(
        draft,
        "assignments.handed-over",
        at,
        (catalogue.team_feedback(draft.signal.team),),
        assignment.id,
        assignment=assignment.id,
        by=LOOP,
        to=heir,
        reason=f"{assignment.department} is retired; {heir} answers in its place",
    )


def missed(draft: Draft, assignment: Assignment, moment: Moment) -> None:
    """A promise was not kept; department and team hear it."""
    topics = (
        catalogue.department_assignments(assignment.department),
        catalogue.team_feedback(draft.signal.team),
    )
    tell(
        draft,
        "assignments.deadline-missed",
        moment.due,
        topics,
        assignment.id,
        moment.stage,
        moment.promise,
        moment.due,
        assignment=assignment.id,
        signal=assignment.signal,
        department=assignment.department,
        stage=moment.stage,
        due=moment.due,
        promise=moment.promise,
    )


def called(draft: Draft, assignment: Assignment, moment: Moment, path: list[str] | None = None) -> None:
    """A reminder, one after a silence, or a rung that calls somebody in, which the team hears too."""
    feedback = catalogue.team_feedback(draft.signal.team)
    topics = [catalogue.department_assignments(assignment.department)]
    if moment.act == "escalate":
        topics += [catalogue.department_assignments(moment.to), feedback]
    elif moment.stage == "confirm" and moment.to == draft.signal.team:
        topics = [feedback]
    tell(
        draft,
        "assignments.escalated" if moment.act == "escalate" else "assignments.reminded",
        moment.due,
        tuple(dict.fromkeys(topics)),
        assignment.id,
        *(("silence",) if moment.act == "silence" else (moment.stage, moment.rung)),
        moment.due,
        assignment=assignment.id,
        signal=assignment.signal,
        department=assignment.department,
        stage=moment.stage,
        due=moment.due,
        rung=moment.rung,
        to=moment.to,
        path=path,
    )


def proposed(draft: Draft, at: datetime, confirm_by: datetime) -> None:
    """The team is asked: is it so for the residents? It has heard each answer whole; many are shortened here."""
    standing = draft.standing()
    length_max = SIZE_MAX // UTF8_BYTES_MAX // len(standing)
    outcomes = [
        AssignmentOutcome(
            assignment=assignment.id,
            department=assignment.department,
            outcome=assignment.outcome or "solved",
            explanation=shortened(assignment.explanation or "", length_max),
        )
        for assignment in standing
    ]
    topics = (catalogue.team_feedback(draft.signal.team),)
    signal = draft.signal.id
    tell(
        draft,
        "signals.resolution-proposed",
        at,
        topics,
        signal,
        draft.contests(),
        signal=signal,
        outcomes=outcomes,
        confirm_by=confirm_by,
    )


def closed(draft: Draft, at: datetime, how: str) -> None:
    """The signal is closed; every department that was assigned and the team hear it."""
    departments = dict.fromkeys(assignment.department for assignment in draft.assignments.values())
    topics = (*map(catalogue.department_assignments, departments), catalogue.team_feedback(draft.signal.team))
    signal = draft.signal.id
    tell(draft, "signals.closed", at, topics, signal, draft.contests(), signal=signal, how=how)


def precedent(draft: Draft, assignment: Assignment, at: datetime) -> None:
    """A custom solution, for the next one who decides."""
    solution = assignment.custom_solution or {}
    tell(
        draft,
        "precedents.published",
        at,
        (catalogue.PRECEDENTS,),
        assignment.id,
        assignment.contested,
        precedent=loop_id("precedent", assignment.id, at),
        rule=solution["rule"],
        features=solution["features"],
        outcome=assignment.outcome,
        justification=solution["justification"],
        department=assignment.department,
        signal=assignment.signal,
    )


def refused(
    source: str,
    sender: Sender,
    at: datetime,
    reference: tuple[str, str],
    reason: RefusalCode,
    explanation: str,
    *place: object,
) -> Follow:
    """An answer that cannot be, told to who sent it; `reference` is the event's source and id.

    `place` tells apart what was never taken in and so may come more than once under one source and id.
    """
    kind, code = sender
    topic = catalogue.department_assignments(code) if kind == "department" else catalogue.team_feedback(code)
    data = {
        "event": EventReference(source=reference[0], id=reference[1]),
        "reason": reason,
        "explanation": shortened(explanation, EXPLANATION_LENGTH_MAX),
    }
    return told(source, "answers.refused", at, (topic,), *reference, *place, **data)


def shortened(text: str, length_max: int) -> str:
    """`text`, cut with an ellipsis where it has more than `length_max` characters; what is no text is replaced."""
    cut = text if len(text) <= length_max else f"{text[: length_max - 1]}…"
    return cut.encode(errors="replace").decode()
