"""The statements of a real intake, written down once and played back with nothing around them."""

import asyncio
import time
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from typing import Any

import asyncpg
from sqlalchemy import event
from sqlalchemy.ext.asyncio import AsyncEngine

from services.agreements.loading import load
from services.ledger.books import LedgerBooks
from services.ledger.intake import Intake
from services.ledger.migrations import migrate
from services.ledger.positions import LedgerPositions
from services.runtime.database import engine, session
from services.runtime.records import Record
from services.runtime.settings import Settings
from tests.benchmarks.memory import settle
from tests.benchmarks.mixture import ANSWERS, ONE, PARTITIONS, TWO, batches, earlier, mixture, records

Statement = tuple[str, Sequence[Any]]


@asynccontextmanager
async def intake(
    settings: Settings, count: int, departments: Sequence[str] = ONE
) -> AsyncIterator[tuple[Intake, list[Sequence[Record]]]]:
    """An intake in a fresh schema where what is answered has been assigned, and the batches of the mixture."""
    await migrate(settings)
    database = engine(settings)
    books = LedgerBooks(database, load(settings.agreements))
    await books.open()
    intake = Intake(database, books, owner="one")
    places = {(topic, number) for topic, count in PARTITIONS.items() for number in range(count)}
    await LedgerPositions(database).take_over(places, intake.owner)
    offsets: dict[tuple[str, int], int] = {}
    for batch in batches(records(earlier(count, departments), offsets), settings.batch_records):
        await intake.work(batch)
    try:
        yield intake, list(batches(records(mixture(count, departments), offsets), settings.batch_records))
    finally:
        await database.dispose()


async def write_down(settings: Settings, count: int) -> list[list[Statement]]:
    """The statements of each batch, in order, with their parameters."""
    async with intake(settings, count) as (real, todo):
        return [await _statements(real, batch) for batch in todo]


async def write_down_divided(settings: Settings, count: int) -> list[list[list[Statement]]]:
    """As `write_down`, the records divided by partition: for each of four connections the statements of its batches."""
    async with intake(settings, count, TWO) as (real, todo):
        shares: list[list[Record]] = [[], [], [], []]
        for record in (one for batch in todo for one in batch):
            shares[3 if record.topic in ANSWERS else record.partition // 2].append(record)
        return [
            [await _statements(real, batch) for batch in batches(share, settings.batch_records)] for share in shares
        ]


async def _statements(real: Intake, batch: Sequence[Record]) -> list[Statement]:
    sent: list[Statement] = []

    def note(_: Any, __: Any, statement: str, parameters: Sequence[Any], *___: Any) -> None:
        sent.append((statement, parameters))

    own: AsyncEngine = real.engine
    event.listen(own.sync_engine, "before_cursor_execute", note)
    try:
        await real.work(batch)
    finally:
        event.remove(own.sync_engine, "before_cursor_execute", note)
    return sent


async def connect(settings: Settings) -> "asyncpg.Connection[Any]":
    """A connection as the ledger's, without anything around it."""
    return await asyncpg.connect(settings.database.get_secret_value(), server_settings=session(settings, "bare"))


async def play(connection: "asyncpg.Connection[Any]", statements: Sequence[Statement]) -> None:
    """One batch: its statements in one transaction."""
    async with connection.transaction():
        for statement, parameters in statements:
            await connection.fetch(statement, *parameters)


async def bare_rate(settings: Settings, written: Sequence[Sequence[Statement]], warm: int, count: int) -> float:
    """Events per second of the statements alone, on one connection; the first `warm` batches are not counted."""
    async with intake(settings, count):
        pass
    connection = await connect(settings)
    for batch in written[:warm]:
        await play(connection, batch)
    settle()
    begun = time.perf_counter()
    for batch in written[warm:]:
        await play(connection, batch)
    seconds = time.perf_counter() - begun
    await connection.close()
    return (count - warm * settings.batch_records) / seconds


async def divided_rate(settings: Settings, written: Sequence[Sequence[Sequence[Statement]]], count: int) -> float:
    """Events per second of the statements alone, each share on a connection of its own, all at once.

    A share's first batch is not counted; the others begin when every connection has done its own.
    """
    async with intake(settings, count, TWO):
        pass
    connections = [await connect(settings) for _ in written]
    for connection, share in zip(connections, written, strict=True):
        await play(connection, share[0])
    settle()
    begun = time.perf_counter()
    await asyncio.gather(*(_play_all(*one) for one in zip(connections, written, strict=True)))
    seconds = time.perf_counter() - begun
    for connection in connections:
        await connection.close()
    return (count - len(written) * settings.batch_records) / seconds


async def _play_all(connection: "asyncpg.Connection[Any]", share: Sequence[Sequence[Statement]]) -> None:
    for batch in share[1:]:
        await play(connection, batch)
