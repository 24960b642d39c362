"""The relay on real Kafka and PostgreSQL: order, one active relay, nothing lost whatever dies."""

from __future__ import annotations

import asyncio
import contextlib
import os
import random
import signal as signals
import statistics
import sys
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Any
from uuid import UUID, uuid4

import pytest

from events.catalogue import DEAD_LETTERS, Topic
from events.envelope import STRUCTURED_HEADERS
from services.relay.app import build
from services.relay.seat import Seat, lock_key
from services.runtime import topics
from services.runtime.errors import TransientError

if TYPE_CHECKING:
    from services.local.parts import Parts
    from services.runtime.records import Record
    from services.runtime.settings import Settings

PERMITS = "department.permits.assignments"
NOORD = "team.noord.feedback"
PATIENCE_SECONDS = 60

Rows = list[tuple[UUID, str, bytes, None]]


def a_busy_hour(count: int, of: int) -> Rows:
    """`count` rows of `of` signals, mixed, on two topics; each value says its signal and its place in it."""
    chance = random.Random(1)  # noqa: S311 - the same mixture in every run
    ids = [UUID(int=number, version=4) for number in range(of)]
    places = dict.fromkeys(ids, 0)
    rows: Rows = []
    for _ in range(count):
        one = chance.choice(ids)
        places[one] += 1
        rows.append((one, chance.choice([PERMITS, NOORD]), f"{one} {places[one]}".encode(), None))
    return rows


def in_order(records: list[Record], rows: Rows) -> None:
    """On each topic, first appearances of each signal's rows come in the ledger's order, and none is missing."""
    for topic in (PERMITS, NOORD):
        seen = dict.fromkeys(record.value for record in records if record.topic == topic)
        for one in {row[0] for row in rows}:
            wanted = [value for owner, name, value, _ in rows if owner == one and name == topic]
            assert [value for value in seen if value in set(wanted)] == wanted


async def until(condition: Callable[[], bool]) -> None:
    async with asyncio.timeout(PATIENCE_SECONDS):
        while not condition():  # noqa: ASYNC110 - what the relay becomes is seen from outside
            await asyncio.sleep(0.01)


async def test_two_thousand_rows_of_fifty_signals_arrive_once_and_in_order(
    settings: Settings, ledger: Any, read: Any, running: Any
) -> None:
    rows = a_busy_hour(2000, 50)
    await ledger.write(*rows)
    async with running(settings):
        await ledger.empty()
    records = await read(PERMITS, NOORD)
    assert len(records) == 2000
    in_order(records, rows)
    assert {record.key for record in records} == {str(row[0]).encode() for row in rows}
    assert {record.headers for record in records} == {STRUCTURED_HEADERS}


async def test_a_notification_wakes_the_relay_at_once_and_without_one_the_sweep_finds_the_row(
    settings: Settings, ledger: Any, running: Any
) -> None:
    async with running(settings) as relay:
        await until(lambda: relay.state == "active")
        await ledger.write((uuid4(), PERMITS, b"the first knows no topic yet", None))
        await ledger.empty()
        waits_ms = []
        for number in range(50):
            await asyncio.sleep(0.02)
            await ledger.write((uuid4(), PERMITS, str(number).encode(), None))
            begun = time.monotonic()
            while await ledger.left():  # noqa: ASYNC110 - deletions are seen in the table only
                await asyncio.sleep(0.0005)
            waits_ms.append((time.monotonic() - begun) * 1000)
        print(f"commit to deletion: p50 {statistics.median(waits_ms):.1f} ms, max {max(waits_ms):.1f} ms")  # noqa: T201 - a figure for whoever runs it
        assert statistics.median(waits_ms) < 500  # the sweep alone would take as long
        await ledger.write((uuid4(), PERMITS, b"unnoticed", None), notify=False)
        await ledger.empty()


async def test_of_two_relays_one_is_active_and_the_other_takes_over_when_it_stops(
    settings: Settings, ledger: Any, read: Any, running: Any
) -> None:
    rows = a_busy_hour(400, 20)
    async with running(settings) as one, running(settings) as other:
        await until(lambda: {one.state, other.state} == {"active", "standing by"})
        active, standing = sorted((one, other), key=lambda relay: relay.state)
        assert all(check.ok for check in [*await active.ready(), *await standing.ready()])
        await ledger.write(*rows[:200])
        await active.stop()
        await until(lambda: standing.state == "active")
        await ledger.write(*rows[200:])
        await ledger.empty()
    records = await read(PERMITS, NOORD)
    in_order(records, rows)
    assert len(records) == 400


async def test_a_relay_whose_session_ends_notices_stops_publishing_and_comes_back(
    settings: Settings, ledger: Any, read: Any, running: Any
) -> None:
    rows = a_busy_hour(3000, 50)
    async with running(settings) as relay:
        await until(lambda: relay.state == "active")
        ended = 0
        for start in range(0, 3000, 300):
            await ledger.write(*rows[start : start + 300])
            ended += await ledger.connection.fetchval(
                "select count(pg_terminate_backend(pid)) from pg_stat_activity"
                " where application_name = 'koikarper-relay'"
                " and pid in (select pid from pg_locks where locktype = 'advisory')"
            )
            await asyncio.sleep(0.05)
        await ledger.empty()
        await until(lambda: relay.state == "active")
    assert ended > 0
    records = await read(PERMITS, NOORD)
    in_order(records, rows)
    print(f"{ended} sessions ended, {len(records) - 3000} repeats")  # noqa: T201 - a figure for whoever runs it


async def test_a_death_between_sending_and_deleting_gives_repeats_only(
    settings: Settings, ledger: Any, read: Any, running: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    rows = a_busy_hour(300, 20)
    await ledger.write(*rows)
    delete, deaths = Seat.delete, iter([True, True])

    async def die(seat: Seat, sent: Any) -> None:
        if next(deaths, False):
            seat._connection.terminate()
            raise TransientError("died between sending and deleting")
        await delete(seat, sent)

    monkeypatch.setattr(Seat, "delete", die)
    async with running(settings):
        await ledger.empty()
    records = await read(PERMITS, NOORD)
    in_order(records, rows)
    assert 300 < len(records) <= 3 * 300  # a pass on a busy machine ends before its last row is there
    assert {record.value for record in records} == {row[2] for row in rows}


async def test_even_two_relays_that_publish_at_once_give_repeats_only_and_keep_the_order(
    settings: Settings, ledger: Any, read: Any, running: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def no_lock(_: Seat) -> bool:
        return True

    monkeypatch.setattr(Seat, "take_lock", no_lock)
    rows = a_busy_hour(2000, 50)
    async with running(settings), running(settings):
        for start in range(0, 2000, 100):
            await ledger.write(*rows[start : start + 100])
            await asyncio.sleep(0.005)
        await ledger.empty()
    records = await read(PERMITS, NOORD)
    in_order(records, rows)
    print(f"{len(records) - 2000} repeats")  # noqa: T201 - a figure for whoever runs it


PROCESS = """
import asyncio
from services.relay.app import build
from services.runtime.settings import Settings

async def main():
    await build(Settings()).start()
    print("started", flush=True)
    await asyncio.Event().wait()

asyncio.run(main())
"""


@asynccontextmanager
async def process(settings: Settings) -> AsyncIterator[asyncio.subprocess.Process]:
    """A relay in a process of its own, which is killed in the end."""
    environment = os.environ | {
        "KOIKARPER_KAFKA": settings.kafka,
        "KOIKARPER_DATABASE": settings.database.get_secret_value(),
        "KOIKARPER_DATABASE_SCHEMA": settings.database_schema,
        "KOIKARPER_TOPIC_PREFIX": settings.topic_prefix,
    }
    running = await asyncio.create_subprocess_exec(
        sys.executable, "-c", PROCESS, env=environment, stdout=asyncio.subprocess.PIPE
    )
    try:
        assert running.stdout is not None
        assert await running.stdout.readline() == b"started\n"
        yield running
    finally:
        with contextlib.suppress(ProcessLookupError):
            running.kill()
        await running.wait()


async def test_after_kill_9_of_the_active_relay_the_second_takes_over_and_nothing_is_lost(
    settings: Settings, ledger: Any, read: Any, running: Any
) -> None:
    rows = a_busy_hour(6000, 200)
    async with process(settings) as first, running(settings) as second:
        await until(lambda: second.state == "standing by")
        await ledger.write(*rows[:3000])
        await ledger.write(*rows[3000:])
        await ledger.empty(but=4500)
        first.send_signal(signals.SIGKILL)
        killed = time.monotonic()
        left = len(await ledger.left())
        await until(lambda: second.state == "active")
        print(f"took over {time.monotonic() - killed:.2f} s after the kill, {left} rows left")  # noqa: T201 - a figure for whoever runs it
        assert left > 0, "killed too late to prove anything"
        await ledger.empty()
    records = await read(PERMITS, NOORD)
    in_order(records, rows)
    print(f"{len(records) - 6000} repeats")  # noqa: T201 - a figure for whoever runs it


@pytest.mark.parametrize("size", [1536 * 1024, 3 * 1024 * 1024], ids=["for-its-topic", "for-any-topic"])
async def test_a_row_too_large_holds_its_own_signal_and_no_other(
    settings: Settings, ledger: Any, read: Any, running: Any, size: int
) -> None:
    unlucky, lucky = uuid4(), uuid4()
    large = os.urandom(size)
    await ledger.write((unlucky, PERMITS, b"before", None), (unlucky, PERMITS, large, None))
    await ledger.write((unlucky, PERMITS, b"after", None), (unlucky, NOORD, b"after too", None))
    others: Rows = [(uuid4(), PERMITS, b"other", None) for _ in range(1500)]
    await ledger.write(*others, (lucky, PERMITS, b"lucky", None))
    async with running(settings):
        await ledger.empty(but=3)
        assert await ledger.left() == [large, b"after", b"after too"]
        await ledger.write((lucky, PERMITS, b"lucky again", None))
        await ledger.empty(but=3)
        await ledger.connection.execute("update outbox set value = 'made smaller' where value = $1", large)
        await ledger.empty()
    records = await read(PERMITS, NOORD)
    mine = [record.value for record in records if record.key == str(unlucky).encode() and record.topic == PERMITS]
    assert list(dict.fromkeys(mine)) == [b"before", b"made smaller", b"after"]
    assert len([record for record in records if record.value == b"other"]) >= 1500


async def test_a_topic_that_is_missing_holds_its_signals_until_it_is_made(
    settings: Settings, ledger: Any, read: Any, running: Any
) -> None:
    hasty = settings.model_copy(update={"kafka_timeout": settings.kafka_timeout / 5})
    missing = "department.parks.assignments"
    waiting, others = [uuid4() for _ in range(600)], [uuid4() for _ in range(600)]
    await ledger.write(*((one, missing, b"1", None) for one in waiting), *((one, NOORD, b"2", None) for one in waiting))
    async with running(hasty) as relay:
        await until(lambda: relay.state == "active")
        await ledger.write(*((one, NOORD, b"not held", None) for one in others))
        begun = time.monotonic()
        await ledger.empty(but=1200)
        print(f"600 others went past 600 held signals in {time.monotonic() - begun:.2f} s")  # noqa: T201 - a figure for whoever runs it
        assert {record.value for record in await read(NOORD)} == {b"not held"}
        await topics.ensure(settings, [Topic(missing)])
        await ledger.empty()
    assert {record.value for record in await read(missing)} == {b"1"}
    keys = {record.key for record in await read(NOORD) if record.value == b"2"}
    assert keys == {str(one).encode() for one in waiting}


async def test_a_dead_letters_bytes_and_headers_arrive_untouched_and_one_that_fails_holds_nothing_back(
    settings: Settings, ledger: Any, read: Any, running: Any
) -> None:
    headers = [("content-type", b"\xff\xfe\x00"), ("twice", b"1"), ("twice", b"2"), ("empty", b""), ("naïef", b"ja")]
    letters = [os.urandom(100), b"", b"\x00" * 10]
    too_large = os.urandom(3 * 1024 * 1024)
    await ledger.write((None, DEAD_LETTERS, too_large, headers))
    await ledger.write(*((None, DEAD_LETTERS, letter, headers) for letter in letters))
    await ledger.write((None, DEAD_LETTERS, None, headers))
    async with running(settings):
        await ledger.empty(but=1)
    found = {record.value: record.headers for record in await read(DEAD_LETTERS)}
    assert found == dict.fromkeys(letters, tuple(headers))  # no key and no value: Kafka's client writes an empty one


async def test_while_kafka_does_not_answer_nothing_is_deleted_and_afterwards_all_goes_on(
    parts: Parts, settings: Settings, ledger: Any, read: Any, running: Any
) -> None:
    rows = a_busy_hour(900, 30)
    hasty = settings.model_copy(update={"kafka_timeout": settings.kafka_timeout / 5})
    async with running(hasty) as relay:
        await ledger.write(*rows[:300])
        await ledger.empty()
        os.kill(parts.pids["Kafka"], signals.SIGSTOP)
        try:
            await ledger.write(*rows[300:])
            await asyncio.sleep(4)
            assert len(await ledger.left()) == 600
            assert "kafka" in {check.name for check in await relay.ready() if not check.ok}
        finally:
            os.kill(parts.pids["Kafka"], signals.SIGCONT)
        await ledger.empty()
        assert all(check.ok for check in await relay.ready())
    records = await read(PERMITS, NOORD)
    in_order(records, rows)
    print(f"{len(records) - 900} repeats")  # noqa: T201 - a figure for whoever runs it


async def test_a_relay_that_cannot_reach_its_parts_does_not_start(settings: Settings) -> None:
    nowhere = settings.model_copy(update={"kafka": "127.0.0.1:1"})
    relay = build(nowhere)
    with pytest.raises(TransientError):
        await relay.start()
    await relay.stop()


async def test_another_schemas_relay_is_not_in_the_way(settings: Settings, ledger: Any, running: Any) -> None:
    other = settings.model_copy(update={"database_schema": f"{settings.database_schema}_other"})
    assert lock_key(other.database_schema) != lock_key(settings.database_schema)
    await ledger.connection.execute("select pg_advisory_lock($1)", lock_key(other.database_schema))
    async with running(settings) as relay:
        await until(lambda: relay.state == "active")
