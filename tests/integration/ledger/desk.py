"""A ledger on real PostgreSQL, with records as Kafka would hand them over."""

import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncEngine

from events.catalogue import PREFIX, neighbourhood_topic, signal_type
from events.envelope import STRUCTURED_HEADERS, encode, structured
from events.identifiers import AssignmentId, assignment_id, signal_id
from services.agreements.loading import parse
from services.ledger.books import LedgerBooks
from services.ledger.intake import Intake
from services.ledger.migrations import migrate
from services.ledger.positions import LedgerPositions
from services.runtime.database import engine
from services.runtime.records import Record
from services.runtime.settings import Settings

TOWN = """
municipality: {code: GM9999, name: Voorbeeldstad, oin: "00000099000000001000"}
calendars:
  office: {timezone: Europe/Amsterdam, hours: {mon-fri: ["09:00-17:00"]}, holidays: NL, closed: []}
promises:
  standard: {acknowledge: 8 hours, resolve: 48 hours, confirm: 24 hours, extensions: 0}
departments:
  permits: {name: Vergunningen, calendar: office, promise: standard}
  parks: {name: Groen, calendar: office, promise: standard, sources: ["urn:parks:*"]}
teams:
  noord: {name: Wijkteam Noord, neighbourhoods: [WK999901], sources: ["urn:noord"]}
  zuid: {name: Wijkteam Zuid, neighbourhoods: [WK999902], sources: ["urn:zuid"]}
routes:
  - {when: {kind: initiative-blocked}, to: [permits]}
default: permits
patterns: {signals: 3, within: 90 days}
"""
START = datetime(2026, 3, 2, 9, tzinfo=UTC)
SIGNALS = neighbourhood_topic("initiative-blocked")


@dataclass
class Desk:
    """The ledger's intake with a pen: what teams and departments write, as records on their topics."""

    engine: AsyncEngine
    intake: Intake
    positions: LedgerPositions
    offsets: dict[tuple[str, int], int] = field(default_factory=dict)

    def record(self, topic: str, value: Any, *, seconds: float = 0, partition: int = 0, headers: Any = None) -> Record:
        offset = self.offsets.get((topic, partition), 0)
        self.offsets[topic, partition] = offset + 1
        body = value if isinstance(value, bytes) or value is None else encode(value)
        moment = START + timedelta(seconds=seconds)
        return Record(
            topic, partition, offset, moment, b"key", body, STRUCTURED_HEADERS if headers is None else headers
        )

    def signal(
        self, id_: str, *, seconds: float = 0, source: str = "urn:noord", partition: int = 0, **data: Any
    ) -> Record:
        body = {"team": "noord", "neighbourhood": "BU99990101", "title": "Koi", "initiative": "A pond"}
        event = structured(
            id_=id_,
            source=source,
            type_=signal_type("initiative-blocked"),
            time=START,
            data=body | {"blockedBy": "permit"} | data,
        )
        return self.record(SIGNALS, event, seconds=seconds, partition=partition)

    def answer(
        self, id_: str, verb: str, of: str, *, seconds: float = 0, department: str = "permits", **data: Any
    ) -> Record:
        own = {"assignment": str(self.assignment(of)), "by": "clerk"}
        event = structured(
            id_=id_, source="urn:permits", type_=f"{PREFIX}.assignments.{verb}.v1", time=START, data=own | data
        )
        return self.record(f"department.{department}.answers", event, seconds=seconds)

    def assignment(self, of: str, department: str = "permits") -> AssignmentId:
        return assignment_id(signal_id("urn:noord", of), department, 1)

    async def take_in(self, *records: Record) -> None:
        places = {(record.topic, record.partition) for record in records}
        await self.positions.take_over(places, self.intake.owner)
        await self.intake.work(records)

    async def rows(self, query: str, **values: Any) -> list[Any]:
        async with self.engine.connect() as connection:
            return list(await connection.execute(text(query), values))

    async def outbox(self) -> list[tuple[str, str]]:
        """Topic and type of everything that is to be published, in order."""
        rows = await self.rows("select topic, value, headers from outbox order by seq")
        return [(row.topic, "dead" if row.headers else kind(row.value)) for row in rows]


def kind(value: bytes) -> str:
    return str(json.loads(value)["type"]).removeprefix(f"{PREFIX}.").removesuffix(".v1")


@asynccontextmanager
async def at_desk(settings: Settings, town: str = TOWN, *, migrated: bool = False) -> AsyncIterator[Desk]:
    """A desk in a fresh schema, or in one that the owner has `migrated`."""
    if not migrated:
        await migrate(settings)
    database = engine(settings)
    books = LedgerBooks(database, parse(town))
    await books.open()
    yield Desk(database, Intake(database, books, owner="one"), LedgerPositions(database))
    await database.dispose()
