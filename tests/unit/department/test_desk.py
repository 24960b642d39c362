"""The desk: answers that the loop can read, under an id that a repeat has too."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID, uuid4

import pytest
from hypothesis import given
from hypothesis import strategies as st

from events.answers import Contact
from events.envelope import digest
from events.reading import read_input
from services.department.desk import AnswerError, Desk, Office
from services.department.kit import Department
from services.runtime.errors import KoikarperError
from services.runtime.settings import Settings

ASSIGNMENT = UUID("083f6a3f-eaff-53c8-b0a1-f4c90fc9dad4")
SIGNAL = UUID("a8d1aa1e-7b1a-5c45-9f6b-6b4a1d4f3f10")
NOW = datetime(2026, 11, 24, 9, 30, tzinfo=UTC)
CONTACT = Contact(role="vergunningverlener", reach="14 020")


class Topic(list[dict[str, Any]]):
    """Holds what was sent, as the topic would."""

    def desk(self, occasion: str = "1", now: datetime = NOW, assignment: UUID = ASSIGNMENT) -> Desk:
        async def send(signal: UUID, event: dict[str, Any]) -> None:
            assert signal == SIGNAL
            self.append(event)

        return Desk(Office("urn:nld:x", "medewerker", send, lambda: now), assignment, SIGNAL, occasion)


async def test_an_answer_repeated_at_another_moment_is_the_same_event_in_all_that_counts() -> None:
    topic = Topic()
    ids = [await topic.desk(now=NOW + timedelta(hours=n)).acknowledge(contact=CONTACT) for n in range(3)]
    assert len(set(ids)) == 1
    assert len({digest(event) for event in topic}) == 1
    assert all(event["id"] == ids[0] for event in topic)
    assert "time" not in topic[0]


async def test_another_occasion_assignment_type_or_content_is_another_event() -> None:
    topic = Topic()
    ids = [
        await topic.desk().resolve("solved", "Het mag"),
        await topic.desk("2").resolve("solved", "Het mag"),
        await topic.desk(assignment=uuid4()).resolve("solved", "Het mag"),
        await topic.desk().resolve("partly", "Het mag"),
        await topic.desk().resolve("solved", "Het mag toch"),
        await topic.desk().resolve("solved", "Het mag", by="afdelingshoofd"),
        await topic.desk().hand_over("public-space", "Het mag"),
    ]
    assert len(set(ids)) == len(ids)


@given(occasion=st.text(), explanation=st.from_regex(r"[a-z ]{0,50}[a-z]", fullmatch=True), again=st.booleans())
async def test_equal_ids_mean_equal_content(occasion: str, explanation: str, again: bool) -> None:
    topic = Topic()
    first = await topic.desk(occasion).resolve("solved", explanation)
    other = explanation if again else explanation + "!"
    second = await topic.desk(occasion).resolve("solved", other)
    assert (first == second) == again == (digest(topic[0]) == digest(topic[1]))


async def test_every_answer_is_read_by_the_loop_as_strictly_as_it_can() -> None:
    topic = Topic()
    desk = topic.desk()
    await desk.acknowledge(contact=CONTACT, note="Gezien")
    await desk.hand_over("public-space", "Niet van ons")
    await desk.extend(NOW + timedelta(days=3), "Meer tijd nodig")
    await desk.resolve("refused", "Het mag niet")
    types = [read_input(event, NOW, strict=True).type.split(".")[-2] for event in topic]
    assert types == ["acknowledged", "handed-over", "extended", "resolved"]


@pytest.mark.parametrize(
    ("answer", "says"),
    [
        (lambda desk: desk.resolve("done", "x"), "outcome: "),
        (lambda desk: desk.resolve("solved", ""), "explanation: "),
        (lambda desk: desk.resolve("solved", "x" * 2001), "explanation: "),
        (lambda desk: desk.resolve("solved", "mail naar jan@example.org"), "explanation: contains an e-mail address"),
        (lambda desk: desk.hand_over("Public Space", "x"), "to: "),
        (lambda desk: desk.extend(datetime(2026, 12, 1), "x"), "until: must have timezone"),  # noqa: DTZ001 - tested
        (lambda desk: desk.acknowledge(contact=CONTACT, by=" "), "by: must not be blank"),
    ],
)
async def test_an_answer_that_breaks_a_rule_is_refused_where_it_is_given(answer: Any, says: str) -> None:
    topic = Topic()
    with pytest.raises(AnswerError, match=says):
        await answer(topic.desk())
    assert topic == []


def test_a_handler_must_be_async_and_there_is_one_for_each_event() -> None:
    department = Department(Settings(), "permits", source="urn:nld:x")
    with pytest.raises(KoikarperError, match="async def"):
        department.assigned(lambda *_: None)  # type: ignore[arg-type, return-value]  # the mistake that is tested

    @department.assigned
    async def take_in(*_: object) -> None: ...

    with pytest.raises(KoikarperError, match="two handlers"):
        department.assigned(take_in)


async def test_a_department_without_a_handler_for_assignments_does_not_start() -> None:
    with pytest.raises(KoikarperError, match="has no handler"):
        await Department(Settings(), "permits", source="urn:nld:x").start()
