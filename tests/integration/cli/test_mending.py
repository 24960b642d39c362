"""The operator's commands on a ledger at work: real Kafka, real PostgreSQL, the services from their roots."""

from __future__ import annotations

import asyncio
import json
import logging
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
import pytest_asyncio
import structlog
from aiokafka import AIOKafkaConsumer, TopicPartition  # type: ignore[import-untyped]  # aiokafka has no py.typed
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncEngine
from typer.testing import CliRunner, Result

from events.catalogue import neighbourhood_topic, signal_type
from events.envelope import STRUCTURED_HEADERS, encode, structured
from services.agreements.loading import parse
from services.agreements.topics import topics
from services.cli import build
from services.ledger import app as ledger
from services.ledger.migrations import migrate
from services.relay import app as relay
from services.runtime.broker import Publisher
from services.runtime.clock import now
from services.runtime.database import engine
from services.runtime.records import Record, record_of
from services.runtime.topics import ensure

if TYPE_CHECKING:
    from services.runtime.settings import Settings

TOWN = """
municipality: {code: GM9999, name: Voorbeeldstad, oin: "00000099000000001000"}
calendars:
  office: {timezone: Europe/Amsterdam, hours: {mon-fri: ["09:00-17:00"]}, holidays: NL, closed: []}
promises:
  standard: {acknowledge: 8 hours, resolve: 48 hours, confirm: 24 hours, extensions: 0}
departments:
  permits: {name: Vergunningen, calendar: office, promise: standard}
teams:
  noord: {name: Wijkteam Noord, neighbourhoods: [WK999901]}
routes:
  - {when: {kind: initiative-blocked}, to: [permits]}
default: permits
patterns: {signals: 3, within: 90 days}
"""
WITH_WEST = TOWN.replace("routes:", "  west: {name: Wijkteam West, neighbourhoods: [WK999903]}\nroutes:")
SIGNALS = neighbourhood_topic("initiative-blocked")
PERMITS = "department.permits.assignments"
PATIENCE_SECONDS = 60


class Place:
    """A ledger's database and topics; services are started and stopped by the test, and commands are given."""

    def __init__(self, settings: Settings, file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        self.file = file
        self.settings = settings
        self.engine: AsyncEngine = engine(settings)
        self.publisher = Publisher(settings)
        self.stack = AsyncExitStack()
        monkeypatch.setenv("KOIKARPER_DATABASE_SCHEMA", settings.database_schema)
        monkeypatch.setenv("KOIKARPER_DATABASE", settings.database.get_secret_value())

    async def command(self, *arguments: str) -> Result:
        root = logging.getLogger()
        handlers, level = root.handlers, root.level
        try:
            done = await asyncio.to_thread(CliRunner().invoke, build(), arguments)
        finally:  # the command is a process of its own: its log ends with it
            root.handlers = handlers
            root.setLevel(level)
            structlog.reset_defaults()
        assert done.exception is None or isinstance(done.exception, SystemExit), done.exception
        return done

    async def json(self, *arguments: str) -> Any:
        done = await self.command(*arguments, "--json")
        return json.loads(done.stdout)

    async def start(self, *services: Any) -> None:
        for service in services:
            await service.start()
            self.stack.push_async_callback(service.stop)

    async def report(self, id_: str, *, team: str, value: bytes | None = None) -> None:
        body = {"team": team, "neighbourhood": "BU99990101", "title": "Koi", "initiative": "A pond"}
        type_ = signal_type("initiative-blocked")
        event = structured(id_=id_, source=f"urn:{team}", type_=type_, time=now(), data=body | {"blockedBy": "permit"})
        await self.publisher.send(SIGNALS, id_.encode(), value or encode(event), STRUCTURED_HEADERS)

    async def rows(self, query: str) -> list[Any]:
        async with self.engine.connect() as connection:
            return list(await connection.execute(text(query)))

    async def until(self, query: str, count: int) -> list[Any]:
        async with asyncio.timeout(PATIENCE_SECONDS):
            while len(rows := await self.rows(query)) != count:  # noqa: ASYNC110 - seen from outside only
                await asyncio.sleep(0.05)
        return rows

    async def read(self, topic: str, count: int) -> list[Record]:
        """The first so many records of a topic."""
        settings = self.settings
        consumer = AIOKafkaConsumer(bootstrap_servers=settings.kafka, enable_auto_commit=False)
        await consumer.start()
        try:
            partition = TopicPartition(settings.topic_prefix + topic, 0)
            consumer.assign([partition])
            await consumer.seek_to_beginning(partition)
            async with asyncio.timeout(PATIENCE_SECONDS):
                return [record_of(await consumer.getone(), settings.topic_prefix) for _ in range(count)]
        finally:
            await consumer.stop()


@pytest_asyncio.fixture
async def place(settings: Settings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Place]:
    file = tmp_path / "agreements.yaml"
    file.write_text(TOWN)
    own = settings.model_copy(update={"agreements": file, "kafka_timeout": timedelta(seconds=40)})
    await asyncio.gather(migrate(own), ensure(own, topics(parse(WITH_WEST))))
    place = Place(own, file, monkeypatch)
    await place.publisher.start()
    async with place.stack:
        yield place
    await place.publisher.stop()
    await place.engine.dispose()


async def test_what_was_bad_for_want_of_an_entry_becomes_a_signal_of_its_first_moment(place: Place) -> None:
    first = ledger.build(place.settings)
    await place.start(relay.build(place.settings))
    await first.start()
    await place.report("early", team="west")
    await place.report("late", team="west")
    await place.report("never", team="west", value=b"no json \x1b[2J")
    await place.until("select nr from dead_letter", 3)
    sent = await place.read("dead-letters", 3)
    await first.stop()

    found = await place.json("dead-letters", "list", "--code", "unknown-code")
    assert (found["total"], [item["topic"] for item in found["items"]]) == (2, [SIGNALS, SIGNALS])
    numbers = [str(item["nr"]) for item in found["items"]]
    shown = await place.command("dead-letters", "show", numbers[0])
    assert (shown.exit_code, "unknown-code: data.team" in shown.stdout, '"title": "Koi"' in shown.stdout) == (
        0,
        True,
        True,
    )
    raw = await place.command("dead-letters", "show", numbers[0], "--value")
    assert raw.stdout_bytes in {record.value for record in sent}

    dry = await place.json("dead-letters", "retry", "--all", "--dry-run")
    assert (dry["dryRun"], len(dry["retried"])) == (True, 3)
    assert await place.rows("select 1 from dead_letter where state <> 'open'") == []

    place.file.write_text(WITH_WEST)
    await place.start(ledger.build(place.settings))
    done = await place.command("dead-letters", "retry", "--all", "--reason", "west is there now", "--by", "operations")
    assert (done.exit_code, "3 dead letters retried" in done.stdout) == (0, True)
    audited = [json.loads(line) for line in done.stderr.splitlines() if '"action"' in line]
    assert [(line["action"], line["actor"], line["why"]) for line in audited] == [
        ("retry", "operations", "west is there now")
    ]
    signals = await place.until("select id, waiting_since from signal order by waiting_since", 2)
    moments = sorted(
        record.timestamp.isoformat() for record in await _arrived(place) if record.value != b"no json \x1b[2J"
    )
    assert [row.waiting_since.isoformat() for row in signals] == moments
    again = await place.until("select nr from dead_letter where state = 'open'", 1)
    hidden = await place.command("dead-letters", "list")
    assert ("\x1b" in hidden.stdout, "not-json" in hidden.stdout) == (False, True)
    one = await place.json("dead-letters", "show", str(again[0].nr))
    assert [other["state"] for other in one["sameRecord"]] == ["retried"]

    gone = await place.command("dead-letters", "discard", str(again[0].nr), "--reason", "a test of ours")
    assert gone.exit_code == 0
    assert (await place.json("dead-letters", "list"))["total"] == 0
    every = await place.json("dead-letters", "list", "--all")
    assert sorted(item["state"] for item in every["items"]) == ["discarded", "retried", "retried", "retried"]


async def _arrived(place: Place) -> list[Record]:
    """What first came on the signals' topic, from all its partitions."""
    settings = place.settings
    consumer = AIOKafkaConsumer(bootstrap_servers=settings.kafka, enable_auto_commit=False)
    await consumer.start()
    try:
        partitions = [TopicPartition(settings.topic_prefix + SIGNALS, number) for number in range(6)]
        consumer.assign(partitions)
        await consumer.seek_to_beginning(*partitions)
        async with asyncio.timeout(PATIENCE_SECONDS):
            return [record_of(await consumer.getone(), settings.topic_prefix) for _ in range(3)]
    finally:
        await consumer.stop()


async def test_a_department_gets_its_open_assignments_again_byte_for_byte(place: Place) -> None:
    await place.start(ledger.build(place.settings), relay.build(place.settings))
    await place.report("a", team="noord")
    await place.report("b", team="noord")
    await place.until("select id from assignment", 2)
    assert (await place.json("redeliver", "--dry-run")) == {
        "dryRun": True,
        "assignments": 2,
        "departments": {"permits": 2},
    }
    done = await place.command("redeliver", "permits")
    assert (done.exit_code, "2 handed to the relay" in done.stdout) == (0, True)
    records = await place.read(PERMITS, 4)
    first, again = records[:2], records[2:]
    assert {(one.key, one.value, one.headers) for one in first} == {(one.key, one.value, one.headers) for one in again}
    assert len({one.value for one in again}) == 2


@pytest.mark.parametrize(
    ("arguments", "code", "said"),
    [
        (("dead-letters", "retry"), 2, "Which ones?"),
        (("dead-letters", "retry", "1", "--all"), 2, "Which ones?"),
        (("dead-letters", "retry", "1", "--topic=x"), 2, "belong to --all"),
        (("dead-letters", "retry", "--all", "--since=gisteren"), 2, "is no moment"),
        (("dead-letters", "discard", "1", "--reason=forged"), 2, "your own words"),
        (("dead-letters", "discard", "1"), 2, "--reason"),
        (("dead-letters", "retry", "99"), 1, "koikarper redeliver"),
        (("dead-letters", "show", "99"), 1, "There is no dead letter 99"),
        (("dead-letters", "retry", "--all"), 0, ""),
        (("dead-letters", "list"), 0, ""),
        (("redeliver", "nobody"), 2, "knows no department nobody"),
        (("redeliver",), 0, ""),
    ],
)
async def test_who_is_wrong_is_told_so_in_a_line(
    place: Place, arguments: tuple[str, ...], code: int, said: str
) -> None:
    done = await place.command(*arguments)
    assert (done.exit_code, said in done.stderr) == (code, True), done.output
