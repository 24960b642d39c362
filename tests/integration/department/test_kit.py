"""A department's own program on real Kafka: once, whatever breaks, and nothing delayed by what is bad."""

from __future__ import annotations

import asyncio
import os
import signal
import sys
from asyncio.subprocess import DEVNULL
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from aiokafka import AIOKafkaConsumer, TopicPartition  # type: ignore[import-untyped]  # aiokafka has no py.typed

from events import answers
from events.catalogue import DEAD_LETTERS
from events.envelope import digest
from services.department.file_journal import FileJournal
from services.department.kit import AnswerError, Assignment, Contact, Department, Desk
from services.runtime.errors import KoikarperError, TransientError
from services.runtime.topics import TopicsError

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Awaitable, Callable, Iterable

    from services.runtime.settings import Settings

SOURCE = "urn:nld:oin:00000099000000001000:systeem:vergunningen"
CONTACT = Contact(role="vergunningverlener", reach="14 020")
PATIENCE_SECONDS = 60
ROOT = Path(__file__).parents[3]


class Handled(list[str]):
    """The titles that a handler was given, in order; `reach` waits for a number of them."""

    async def reach(self, count: int) -> Handled:
        async with asyncio.timeout(PATIENCE_SECONDS):
            while len(self) < count:  # noqa: ASYNC110 - a list has no event to wait for
                await asyncio.sleep(0.01)
        return self


@pytest.fixture
def quick(settings: Settings) -> Settings:
    """Settings that try again soon."""
    return settings.model_copy(update={"backoff_first": timedelta(milliseconds=5), "attempts_max": 3})


@asynccontextmanager
async def program(
    settings: Settings,
    folder: Path,
    handler: Callable[[Assignment, Desk], Awaitable[None]] | None = None,
    *,
    at_once: int = 1,
) -> AsyncIterator[tuple[Department, Handled]]:
    """The department's program, running; without a handler it acknowledges."""
    department = Department(settings, "permits", source=SOURCE, journal=FileJournal(folder), at_once=at_once)
    handled = Handled()

    @department.assigned
    async def take_in(assignment: Assignment, desk: Desk) -> None:
        handled.append(assignment.data.report["title"])
        if handler is None:
            await desk.acknowledge(contact=CONTACT, by="vergunningverlener")
        else:
            await handler(assignment, desk)

    await department.start()
    try:
        yield department, handled
    finally:
        await department.stop()


def titles(numbers: Iterable[int]) -> list[str]:
    return [f"Koi {number}" for number in numbers]


async def test_each_assignment_is_taken_in_once_over_redeliveries_and_restarts(
    loop: Any, settings: Settings, tmp_path: Path
) -> None:
    await loop.tell(loop.assigned(1), loop.assigned(2), loop.assigned(1))
    async with program(settings, tmp_path) as (_, handled):
        assert await handled.reach(2) == titles([1, 2])
        await loop.tell(loop.assigned(2), loop.assigned(3))
        assert await handled.reach(3) == titles([1, 2, 3])
    await loop.tell(loop.assigned(1), loop.assigned(3), loop.assigned(4))
    async with program(settings, tmp_path) as (_, handled):
        assert await handled.reach(1) == titles([4])
    assert len(await loop.answers(4)) == 4


async def test_handlers_beside_each_other_are_each_called_once_also_when_one_of_them_fails_at_first(
    loop: Any, quick: Settings, tmp_path: Path
) -> None:
    failed: list[str] = []

    async def handler(assignment: Assignment, desk: Desk) -> None:
        title = assignment.data.report["title"]
        if title == "Koi 7" and not failed:
            failed.append(title)
            raise TransientError("the department's own system is away")
        await desk.acknowledge(contact=CONTACT)

    await loop.tell(*map(loop.assigned, range(1, 41)))
    async with program(quick, tmp_path, handler, at_once=10) as (_, handled):
        await handled.reach(41)
        assert len(await loop.answers(40)) == 40
    assert sorted(handled) == sorted([*titles(range(1, 41)), "Koi 7"])


async def test_a_topic_read_again_from_its_start_calls_no_handler_twice(
    loop: Any, settings: Settings, tmp_path: Path
) -> None:
    fleeting = settings.model_copy(update={"instance": ""})  # a static member would stay in its group for 45 s
    await loop.tell(loop.assigned(1), loop.assigned(2))
    async with program(fleeting, tmp_path) as (_, handled):
        await handled.reach(2)
    await forget_offsets(settings)
    async with program(fleeting, tmp_path) as (_, handled):
        await loop.tell(loop.assigned(3))
        assert await handled.reach(1) == titles([3])
    assert len(await loop.answers(3)) == 3


async def forget_offsets(settings: Settings) -> None:
    """Set the department's group back to the start of its topic, as an operator can."""
    group, topic = (
        f"{settings.topic_prefix}department-permits",
        f"{settings.topic_prefix}department.permits.assignments",
    )
    consumer = AIOKafkaConsumer(bootstrap_servers=settings.kafka, group_id=group, enable_auto_commit=False)
    await consumer.start()
    consumer.assign([TopicPartition(topic, 0)])
    assert await consumer.committed(TopicPartition(topic, 0)) == 2
    await consumer.commit({TopicPartition(topic, 0): 0})
    await consumer.stop()


async def test_answers_land_on_the_departments_topic_keyed_by_their_signal(
    loop: Any, settings: Settings, tmp_path: Path
) -> None:
    async def answer(assignment: Assignment, desk: Desk) -> None:
        await desk.acknowledge(contact=CONTACT, note="We kijken ernaar")
        await desk.extend(assignment.data.resolve_by + timedelta(days=7), "De vijver wordt opgemeten")
        await desk.hand_over("public-space", "De vijver ligt in de openbare ruimte")
        solution = answers.CustomSolution.model_validate(
            {"rule": {"code": "APV 2:10"}, "justification": "Een vijver stoort niemand", "features": ["vijver"]}
        )
        await desk.resolve("solved", "Het mag", custom_solution=solution, by="afdelingshoofd")

    await loop.tell(loop.assigned(1))
    async with program(settings, tmp_path, answer) as (_, handled):
        await handled.reach(1)
        found = await loop.answers(4)
    assert [type(event.data) for event in found] == [
        answers.Acknowledged,
        answers.Extended,
        answers.HandedOver,
        answers.Resolved,
    ]
    assert {event.source for event in found} == {SOURCE}
    assert {event.data.assignment for event in found} == {loop.assignment(1)}
    assert [event.data.by for event in found] == ["medewerker"] * 3 + ["afdelingshoofd"]
    keys = [record.key for record in await loop.records("department.permits.answers", 4)]
    assert keys == [loop.assigned(1)["data"]["signal"].encode()] * 4


async def test_poison_on_the_topic_becomes_dead_letters_and_delays_nothing(
    loop: Any, settings: Settings, tmp_path: Path
) -> None:
    await loop.tell(loop.assigned(1))
    await loop.put(None)
    await loop.put(b"\xff\xfe")
    await loop.put(b"{}", [("content-type", b"\xff"), ("ce_id", b"\xff")])
    await loop.put(b"[1, 2]")
    await loop.put(b'{"specversion": "1.0", "id": "1", "source": "urn:a", "type": "org.example.other.v1"}')
    await loop.tell(loop.assigned(2, department="public-space"), loop.assigned(3))
    async with program(settings, tmp_path) as (_, handled):
        assert await handled.reach(2) == titles([1, 3])
        dead = [dict(record.headers) for record in await loop.records(DEAD_LETTERS, 6)]
    reasons = [headers["koikarper.errors.reason"].decode() for headers in dead]
    assert reasons == ["no-value", "not-utf-8", "not-utf-8", "not-json", "unknown-type", "unreadable"]
    assert {headers["koikarper.errors.service"] for headers in dead} == {b"department-permits"}
    assert {headers["koikarper.errors.topic"] for headers in dead} == {b"department.permits.assignments"}


async def test_what_only_a_newer_loop_knows_is_passed_over(loop: Any, settings: Settings, tmp_path: Path) -> None:
    newer = {**loop.assigned(1), "type": "nl.koikarper.assignments.praised.v1", "id": "newer"}
    await loop.tell(newer, loop.assigned(2))
    async with program(settings, tmp_path) as (_, handled):
        assert await handled.reach(1) == titles([2])
    assert await loop.records(DEAD_LETTERS, 0) == []


async def test_a_handler_that_meets_a_failure_of_infrastructure_is_called_again_until_it_passes(
    loop: Any, quick: Settings, tmp_path: Path
) -> None:
    failures = [TransientError("away"), OSError("no disk"), TransientError("away"), TimeoutError(), OSError("no disk")]

    async def stumble(_: Assignment, desk: Desk) -> None:
        if failures:
            raise failures.pop()
        await desk.acknowledge(contact=CONTACT)

    await loop.tell(loop.assigned(1), loop.assigned(2))
    async with program(quick, tmp_path, stumble) as (_, handled):
        assert await handled.reach(7) == titles([1, 1, 1, 1, 1, 1, 2])
        assert len(await loop.answers(2)) == 2
    assert await loop.records(DEAD_LETTERS, 0) == []


async def test_a_handler_that_cannot_cope_with_one_assignment_sets_it_apart_and_a_redelivery_brings_it_again(
    loop: Any, quick: Settings, tmp_path: Path
) -> None:
    mended = False

    async def break_on_two(assignment: Assignment, desk: Desk) -> None:
        if assignment.data.report["title"] == "Koi 2" and not mended:
            await desk.resolve("solved", "Bel met 06 12345678")  # personal data: the desk refuses it
        await desk.acknowledge(contact=CONTACT)

    await loop.tell(loop.assigned(1), loop.assigned(2), loop.assigned(3))
    async with program(quick, tmp_path, break_on_two) as (_, handled):
        (dead,) = await loop.records(DEAD_LETTERS, 1)
        assert len(await loop.answers(2)) == 2
        mended = True
        handled.clear()
        await loop.tell(loop.assigned(2))
        assert await handled.reach(1) == titles([2])
    assert dict(dead.headers)["koikarper.errors.reason"] == b"unworkable"
    assert "phone number" in dict(dead.headers)["koikarper.errors.message"].decode()


async def test_killed_between_the_handler_and_the_journal_its_answer_is_the_same_event_again(
    loop: Any, settings: Settings, tmp_path: Path
) -> None:
    await loop.tell(loop.assigned(1))
    async with process(KILLED, settings, tmp_path) as running, asyncio.timeout(PATIENCE_SECONDS):
        assert await running.wait() == -signal.SIGKILL
    await loop.answers(1)
    async with program(settings, tmp_path) as (_, handled):
        assert await handled.reach(1) == titles([1])
    first, second = await loop.answers(2)
    assert (first.source, first.id, digest(first.raw)) == (second.source, second.id, digest(second.raw))


KILLED = """
import asyncio, os, signal, sys
from contextlib import asynccontextmanager
from pathlib import Path
from services.department.file_journal import FileJournal
from services.department.kit import Contact, Department
from services.runtime.settings import load

class Killed(FileJournal):
    @asynccontextmanager
    async def taking_in(self, event):
        yield event
        os.kill(os.getpid(), signal.SIGKILL)

department = Department(load(metrics_port=0), "permits", source=sys.argv[1], journal=Killed(Path(sys.argv[2])))

@department.assigned
async def take_in(assignment, desk):
    await desk.acknowledge(contact=Contact(role="vergunningverlener", reach="14 020"), by="vergunningverlener")

department.run()
"""


@asynccontextmanager
async def process(program: str, settings: Settings, folder: Path) -> AsyncIterator[asyncio.subprocess.Process]:
    """A department's program in a real process, killed at the end."""
    environment = os.environ | {"KOIKARPER_KAFKA": settings.kafka, "KOIKARPER_TOPIC_PREFIX": settings.topic_prefix}
    running = await asyncio.create_subprocess_exec(
        *(sys.executable, "-c", program, SOURCE, str(folder)), env=environment, cwd=ROOT, stderr=DEVNULL
    )
    try:
        yield running
    finally:
        if running.returncode is None:
            running.kill()
            await running.wait()


KILLED_ANY_TIME = KILLED.replace("yield event", "async with super().taking_in(event) as entry: yield entry").replace(
    "        os.kill(os.getpid(), signal.SIGKILL)", ""
)


async def test_killed_at_any_moment_every_assignment_is_answered_and_no_answer_is_a_second_event(
    loop: Any, settings: Settings, tmp_path: Path
) -> None:
    await loop.tell(*map(loop.assigned, range(60)))
    for answered in (5, 20, 35, 60):
        async with process(KILLED_ANY_TIME, settings, tmp_path) as running:
            found = await loop.answers(answered)
            assert running.returncode is None
            while answered == 60 and len({event.id for event in found}) < 60:  # a repeat was among the sixty
                found = await loop.answers(len(found) + 1)
    assert {event.data.assignment for event in found} == set(map(loop.assignment, range(60)))
    assert len({(event.id, digest(event.raw)) for event in found}) == 60
    assert len(found) <= 60 + 3  # a kill can repeat the one that was at hand, and no other


async def test_the_other_events_reach_their_handlers_once(loop: Any, settings: Settings, tmp_path: Path) -> None:
    about = {
        "assignment": loop.assignment(1),
        "department": "permits",
        "stage": "acknowledge",
        "due": datetime.now(UTC),
    }
    told = [
        loop.told("assignments.reminded", "1", **about, rung=1, to="permits"),
        loop.told("assignments.escalated", "2", **about, rung=2, to="concern-control"),
        loop.told("assignments.deadline-missed", "3", **about, promise="first"),
        loop.told(
            "answers.refused", "4", event={"source": SOURCE, "id": "x"}, reason="too-late", explanation="Te laat"
        ),
        loop.told("signals.closed", "5", how="unconfirmed"),
        loop.told("signals.contested", "6", by="wijkcoach", reason="De vijver is weer dicht"),
    ]
    heard = Handled()
    department = Department(settings, "permits", source=SOURCE, journal=FileJournal(tmp_path))

    @department.assigned
    async def take_in(assignment: Assignment, desk: Desk) -> None: ...

    async def hear(event: Any) -> None:
        heard.append(event.key.id)

    for register in (
        department.reminded,
        department.escalated,
        department.deadline_missed,
        department.refused,
        department.closed,
        department.contested,
    ):
        register(hear)
    await loop.tell(*told, *told)
    await department.start()
    try:
        await heard.reach(6)
        await loop.tell(loop.told("signals.closed", "7", how="confirmed"))
        assert await heard.reach(7) == ["1", "2", "3", "4", "5", "6", "7"]
        assert (await department.ready())[0].ok
    finally:
        await department.stop()


async def test_a_later_answer_on_the_same_occasion_is_the_same_event(
    loop: Any, settings: Settings, tmp_path: Path
) -> None:
    async with program(settings, tmp_path) as (department, _):
        data = loop.assigned(1)["data"]
        desk = department.desk(loop.assignment(1), data["signal"], occasion="besluit 2026-117")
        again = department.desk(loop.assignment(1), data["signal"], occasion="besluit 2026-117")
        later = department.desk(loop.assignment(1), data["signal"], occasion="besluit 2026-200")
        ids = [await each.resolve("solved", "Het mag") for each in (desk, again, later)]
        assert ids[0] == ids[1] != ids[2]
        with pytest.raises(AnswerError, match="until: must have timezone"):
            await desk.extend(datetime(2026, 12, 1), "zonder tijdzone")  # noqa: DTZ001 - the mistake that is tested
        assert [event.id for event in await loop.answers(3)] == ids


async def test_a_program_whose_topic_does_not_exist_is_told_what_to_do(settings: Settings, tmp_path: Path) -> None:
    with pytest.raises(TopicsError, match=r"department\.permits\.assignments.*koikarper topics"):
        async with program(settings, tmp_path):
            pass
    async with asyncio.timeout(PATIENCE_SECONDS):
        await FileJournal(tmp_path).open()  # nothing was left running: the journal is free


async def test_two_programs_with_one_journal_are_refused(loop: Any, settings: Settings, tmp_path: Path) -> None:
    async with program(settings, tmp_path):
        with pytest.raises(KoikarperError, match="in use by another process"):
            async with program(settings, tmp_path):
                pass
