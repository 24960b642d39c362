"""Whatever a log says: what the pure core makes of a plan is what the plan foresaw."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from events.answers import DepartmentAnswer
from events.identifiers import AssignmentId
from services.agreements.loading import parse as parse_agreements
from services.ledger.book import Book
from services.ledger.lifecycle import Said, decide, subject_of
from services.ledger.reading import Incoming, read_record
from services.ledger.state import State
from services.local.replay import town
from services.local.replay.cases import Cases
from services.local.replay.events import Plan, plan
from services.local.replay.mapping import Mapping
from services.local.replay.messages import INPUT, message
from services.local.replay.rows import Row
from services.runtime.records import Record

if TYPE_CHECKING:
    from uuid import UUID

NOW = datetime(2026, 1, 1, tzinfo=UTC)
START = datetime(2024, 3, 1, tzinfo=UTC)


def moment(hour: int) -> str:
    return (START + timedelta(hours=hour)).isoformat()


ROWS = st.lists(
    st.builds(
        lambda case, what, hour, begun, dept: {
            "id": case,
            "what": what,
            "at": moment(hour),
            "begun": moment(begun[case]),
            "dept": dept,
        },
        st.sampled_from("xy"),
        st.sampled_from(["read", "done", "other"]),
        st.integers(0, 30),
        st.fixed_dictionaries({"x": st.integers(0, 20), "y": st.integers(0, 20)}),
        st.sampled_from(["A", "B", "C", ""]),
    ),
    max_size=16,
)


def read(mapping: Mapping, rows: list[dict[str, str]]) -> Cases:
    cases = Cases(mapping, NOW)
    cases.read(Row(number, row) for number, row in enumerate(rows, 2))
    return cases


def told_to_the_core(mapping: Mapping, cases: Cases, made: Plan) -> tuple[dict[UUID, State], list[tuple[str, str]]]:
    """The states after all steps, and what was refused: verb and code."""
    book = Book.only(parse_agreements(town.agreements(mapping, cases.departments)))
    states: dict[UUID, State] = {}
    signals: dict[UUID, UUID] = {}
    refused = []
    for number, step in enumerate(made.steps):
        sent = message(step, mapping)
        assert sent.timestamp is not None
        record = Record(INPUT, 0, number, sent.timestamp, sent.key, sent.value, sent.headers)
        incoming = read_record(record, book.current)
        assert isinstance(incoming, Incoming), incoming
        subject: UUID = subject_of(incoming.event)
        if isinstance(incoming.event.data, DepartmentAnswer):
            subject = signals[AssignmentId(subject)]
        decision = decide(states.get(subject), Said(incoming.event, incoming.sender), incoming.at, book)
        assert decision.state is not None
        states[subject] = decision.state
        signals.update(dict.fromkeys(decision.state.assignments, subject))
        if decision.refusal:
            refused.append((step.verb, decision.refusal.code))
    return states, refused


@given(rows=ROWS, until=st.none() | st.integers(0, 30))
@settings(deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])  # the mapping never changes
def test_the_core_does_with_a_plan_what_the_plan_foresaw(
    mapping: Mapping, rows: list[dict[str, str]], until: int | None
) -> None:
    cases = read(mapping, rows)
    made = plan(cases, None if until is None else START + timedelta(hours=until))
    if not made.steps:
        return
    states, refused = told_to_the_core(mapping, cases, made)
    foreseen = [
        item.message for item in made.findings if "refuses" in item.message or "after it was resolved" in item.message
    ]
    assert len(refused) == len(foreseen)
    assert len(states) == made.cases
    assignments = [assignment for state in states.values() for assignment in state.assignments.values()]
    assert len(assignments) == made.cases + len([step for step in made.steps if step.verb == "hand-over"]) - len(
        [verb for verb, _ in refused if verb == "hand-over"]
    )
    for assignment in assignments:
        for answered in (assignment.acknowledged_at, assignment.resolved_at):
            assert answered is None or answered >= assignment.waiting_since


@given(rows=ROWS)
@settings(deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])  # the mapping never changes
def test_steps_stand_in_the_order_of_their_moments_and_no_answer_before_its_signal(
    mapping: Mapping, rows: list[dict[str, str]]
) -> None:
    made = plan(read(mapping, rows))
    begun: dict[str, datetime] = {}
    last = START
    for step in made.steps:
        if step.verb == "signal":
            begun[step.case] = step.at
        counts = max(step.at, begun[step.case])
        assert counts >= last
        last = counts
