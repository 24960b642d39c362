"""The timekeeper where very many moments are due at once, beside the bare SQL of the same updates."""

import asyncio
import time
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import asyncpg
from sqlalchemy import event

from services.ledger.migrations import migrate
from services.local.parts import Parts
from services.runtime.settings import Settings
from services.timekeeper.app import build
from tests.benchmarks.bare_sql import Statement, connect, play
from tests.benchmarks.commands import command
from tests.benchmarks.due_town import fill
from tests.benchmarks.figures import Ratio
from tests.benchmarks.mixture import TOWN
from tests.benchmarks.running import process, town, variables

MOMENTS, QUICK_MOMENTS = 100_000, 20_000
WARM = 2_000
PAUSE_SECONDS = 0.02
PATIENCE_SECONDS = 600
_MISSED = "select coalesce(sum(value), 0)::int from counter where name = 'deadlines' and labels like '%missed'"


async def ratios(folder: Path, rounds: int, *, quick: bool) -> list[Ratio]:
    """How many moments a second pass, against the statements of a real run played back; each round measures both."""
    count = QUICK_MOMENTS if quick else MOMENTS
    measured: list[tuple[float, float]] = []
    async with Parts(folder / "parts", kafka_port=0, database_port=0) as parts:
        written = await _write_down(_town(parts, folder), count)
        for _ in range(rounds):
            measured += [(await _rate(_town(parts, folder), count), await _bare(_town(parts, folder), written, count))]
    ours, bares = zip(*measured, strict=True)
    return [Ratio(f"timekeeper, {count:,} moments due at once, of its bare SQL", ours, bares, 0.40, "moments/s")]


def _town(parts: Parts, folder: Path) -> Settings:
    return town(parts, folder / "town", TOWN, settle=timedelta(seconds=1))


async def _prepared(settings: Settings, count: int) -> Settings:
    await migrate(settings)
    await fill(settings, count)
    return settings


async def _rate(settings: Settings, count: int) -> float:
    await _prepared(settings, count)
    connection = await connect(settings)
    async with process(command("run", "timekeeper"), variables(settings)), asyncio.timeout(PATIENCE_SECONDS):
        warm = await _until(connection, WARM)
        begun = time.perf_counter()
        if await _until(connection, count) != count:
            raise RuntimeError("more promises were missed than there are")
        seconds = time.perf_counter() - begun
    await connection.close()
    return (count - warm) / seconds


async def _until(connection: "asyncpg.Connection[Any]", count: int) -> int:
    while (missed := int(await connection.fetchval(_MISSED))) < count:  # noqa: ASYNC110 - another process is looked at
        await asyncio.sleep(PAUSE_SECONDS)
    return missed


async def _write_down(settings: Settings, count: int) -> list[list[Statement]]:
    """The statements of each transaction in which moments pass, in order, with their parameters."""
    await _prepared(settings, count)
    keeper = build(settings)
    await keeper._books.open()  # as `start`, without beginning
    written: list[list[Statement]] = []

    def note(_: Any, __: Any, statement: str, parameters: Sequence[Any], *___: Any) -> None:
        written[-1].append((statement, parameters))

    event.listen(keeper._engine.sync_engine, "before_cursor_execute", note)
    more = True
    while more:
        written.append([])
        more = await keeper.pass_some(datetime.now(UTC), keeper._books.book.versions.keys())
    await keeper.stop()
    return written


async def _bare(settings: Settings, written: Sequence[Sequence[Statement]], count: int) -> float:
    await _prepared(settings, count)
    connection = await connect(settings)
    warm = len(written) * WARM // count
    for statements in written[:warm]:
        await play(connection, statements)
    before = int(await connection.fetchval(_MISSED))
    begun = time.perf_counter()
    for statements in written[warm:]:
        await play(connection, statements)
    seconds = time.perf_counter() - begun
    if (missed := int(await connection.fetchval(_MISSED))) != count:
        raise RuntimeError(f"{missed} promises were missed, of {count}")
    await connection.close()
    return (count - before) / seconds
