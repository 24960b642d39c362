"""The inbox: the department's topic folded into what is open, in any number of repeats."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID, uuid5

import pytest
from hypothesis import given
from hypothesis import strategies as st

from events.catalogue import CATALOGUE
from events.envelope import STRUCTURED_HEADERS, encode, structured
from events.identifiers import NAMESPACE
from services.department.inbox import Inbox, as_json, item_of_row, sentence
from services.department.received import Heard, read
from services.runtime.errors import PermanentError
from services.runtime.records import Record

AT = datetime(2026, 11, 24, 9, 30, tzinfo=UTC)


def number(count: int) -> UUID:
    return uuid5(NAMESPACE, str(count))


def heard(name: str, **data: Any) -> Heard:
    type_ = f"nl.koikarper.{name}.v1"
    body = CATALOGUE[type_].model.model_validate(data).model_dump(mode="json", by_alias=True, exclude_none=True)
    event = structured(id_=f"{name}-{data}"[:200], source="urn:nld:loop", type_=type_, time=AT, data=body)
    found = read(Record("department.permits.assignments", 0, 0, AT, None, encode(event), STRUCTURED_HEADERS), "permits")
    assert found
    return found


def assigned(count: int, **changes: Any) -> Heard:
    fields = {
        "assignment": number(count),
        "signal": number(-count),
        "department": "permits",
        "round": 1,
        "kind": "initiative-blocked",
        "because": "route 1",
        "waiting_since": AT + timedelta(minutes=count),
        "acknowledge_by": AT + timedelta(days=2),
        "resolve_by": AT + timedelta(days=70),
        "report": {"title": f"Koi {count}"},
    }
    return heard("assignments.assigned", **fields | changes)


def closed(count: int) -> Heard:
    return heard("signals.closed", signal=number(-count), how="confirmed")


def called(count: int, act: str = "reminded", **changes: Any) -> Heard:
    fields = {
        "assignment": number(count),
        "signal": number(-count),
        "department": "permits",
        "stage": "acknowledge",
        "due": AT,
        "rung": 1,
        "to": "permits",
    }
    return heard(f"assignments.{act}", **fields | changes)


def missed(count: int) -> Heard:
    fields = {"assignment": number(count), "signal": number(-count), "department": "permits"}
    return heard("assignments.deadline-missed", **fields, stage="resolve", due=AT, promise="first")


def contested(count: int, *assignments: UUID) -> Heard:
    named = {"assignments": list(assignments)} if assignments else {}
    return heard("signals.contested", signal=number(-count), by="wijkcoach", reason="Nog dicht", **named)


def refused() -> Heard:
    about = {"source": "urn:nld:x", "id": "7"}
    return heard("answers.refused", event=about, reason="too-late", explanation="De datum is voorbij")


def folded(*events: Heard) -> Inbox:
    inbox = Inbox("permits")
    for event in events:
        inbox = inbox.take(event)
    return inbox


def test_what_is_assigned_is_open_longest_waiting_first_until_its_signal_is_closed() -> None:
    inbox = folded(assigned(2), assigned(1), assigned(3), closed(1))
    assert [item.title for item in inbox.open()] == ["Koi 2", "Koi 3"]
    assert inbox.open()[0].state == "waiting"


def test_reminders_and_missed_deadlines_stand_with_their_assignment_once() -> None:
    (item,) = folded(assigned(1), called(1), called(1), called(1, rung=2), missed(1), missed(1)).open()
    assert item.calls == {("acknowledge", 1), ("acknowledge", 2)}
    assert item.missed == {("resolve", "first")}


def test_a_call_over_anothers_assignment_opens_nothing() -> None:
    assert folded(called(1, "escalated", department="public-space", to="permits"), missed(2), refused()).open() == []


def test_an_old_assignment_that_comes_again_does_not_open_a_closed_signal() -> None:
    assert folded(assigned(1), closed(1), assigned(1)).open() == []


def test_what_the_team_contests_is_open_again() -> None:
    row = {
        "id": str(number(1)),
        "signal": str(number(-1)),
        "title": "Koi 1",
        "kind": "initiative-blocked",
        "state": "resolved",
        "waitingSince": "2026-11-24T09:30:00Z",
        "acknowledgeBy": "2026-11-26T09:30:00Z",
        "resolveBy": "2026-12-26T09:30:00Z",
    }
    inbox = Inbox.of("permits", [item_of_row(row)])
    assert inbox.take(contested(1)).open()[0].state == "acknowledged"
    assert inbox.take(contested(1, number(1))).open()[0].state == "acknowledged"
    assert inbox.take(contested(1, number(9))).open()[0].state == "resolved"
    assert inbox.take(contested(2)).open()[0].state == "resolved"


EVENTS = st.sampled_from(
    [assigned(1), assigned(2), called(1), called(2, "escalated"), missed(1), closed(1), contested(2), refused()]
)


@given(st.lists(EVENTS, max_size=12), st.data())
def test_an_event_that_comes_twice_in_a_row_changes_nothing(events: list[Heard], data: Any) -> None:
    repeated = [event for event in events for _ in range(data.draw(st.integers(1, 3)))]
    assert folded(*repeated) == folded(*events)


@pytest.mark.parametrize(
    ("event", "says"),
    [
        (assigned(1), f"assigned {number(1)} “Koi 1” (initiative-blocked), acknowledge by 2026-11-26T09:30:00.000Z"),
        (called(1), f"reminded {number(1)}, acknowledge due 2026-11-24T09:30:00.000Z, rung 1 calls permits"),
        (called(1, "escalated", department="public-space"), f"escalated {number(1)} of public-space, acknowledge due"),
        (missed(1), f"deadline missed {number(1)}, resolve was due 2026-11-24T09:30:00.000Z (first date)"),
        (contested(1), f"contested signal {number(-1)}: Nog dicht"),
        (closed(1), f"closed signal {number(-1)} as confirmed"),
        (refused(), "refused 7 [too-late]: De datum is voorbij"),
    ],
)
def test_every_event_is_said_in_one_line(event: Heard, says: str) -> None:
    line = sentence(event, Inbox("permits"))
    assert line.startswith(says)
    assert "\n" not in line
    assert as_json(event) == {"receivedAt": "2026-11-24T09:30:00.000Z", "event": event.raw}


def test_an_assignment_of_another_department_is_no_assignment_here() -> None:
    with pytest.raises(PermanentError, match="an assignment of public-space, not of permits"):
        assigned(1, department="public-space")
