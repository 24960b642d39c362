"""What the intake of an event costs once much is recorded: 10,000, 1 million and 10 million events, side by side.

Each size is a schema of its own in one database, filled by `grown_town`; a batch of each is taken in by turns,
so what disturbs one disturbs all. What is measured is the real intake in this process, without Kafka. The relay
is not there: what it would have sent is deleted between the rounds.
"""

import asyncio
import json
import statistics
import tempfile
import time
from collections.abc import AsyncIterator, Callable, Iterator, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import asdict, dataclass
from datetime import timedelta
from pathlib import Path
from typing import Annotated, Any

import psutil
import typer
from pydantic import SecretStr
from rich.console import Console

from services.agreements.loading import parse
from services.ledger.books import LedgerBooks
from services.ledger.intake import Intake
from services.ledger.migrations import migrate
from services.local.parts import Parts
from services.runtime.database import engine
from services.runtime.records import Record
from services.runtime.settings import Settings
from tests.benchmarks import grown_town, lives
from tests.benchmarks.bare_sql import connect
from tests.benchmarks.figures import Figure
from tests.benchmarks.growth_shown import GOAL, TABLES, Size, draw, ratios, spread, table
from tests.benchmarks.memory import settle
from tests.benchmarks.mixture import TOWN, batches

COUNTS = (10_000, 100_000, 1_000_000, 10_000_000)
QUICK_COUNTS = (10_000, 100_000)
BATCHES, WARM_BATCHES = 10, 4
BATCH = 500
ANSWERED = BATCH * 3 // 10

Progress = Callable[[str], None]


@dataclass(slots=True)
class Town:
    """A ledger of one size that can take in more."""

    name: str
    intake: Intake
    connection: Any
    offsets: dict[tuple[str, int], int]
    answered: Iterator[str]
    size: Size
    rounds: int = 0

    def next_round(self, count: int) -> list[Sequence[Record]]:
        """The batches of a round: `count` of them."""
        self.rounds += 1
        at = grown_town.NEWEST + timedelta(days=1, minutes=self.rounds)
        events = lives.mixture(f"{self.name}, round {self.rounds}", self.answered, count * BATCH)
        return list(batches(lives.records(events, self.offsets, at), BATCH))


async def figures(folder: Path, rounds: int, *, quick: bool, plot: Path | None = None) -> list[Figure]:
    """The cost of an event at the largest size, of that at the smallest; `plot` is where the picture goes."""
    sizes = await measure(folder, QUICK_COUNTS if quick else COUNTS, rounds, lambda _: None)
    if plot:
        draw(sizes, plot)
    return [_figure(sizes)]


async def measure(folder: Path, counts: Sequence[int], rounds: int, progress: Progress) -> list[Size]:
    """Fill a ledger of each size and take batches in by turns."""
    async with AsyncExitStack() as stack:
        parts = await stack.enter_async_context(Parts(folder / "parts", kafka_port=0, database_port=0))
        towns = [await stack.enter_async_context(_town(parts, count, rounds, progress)) for count in counts]
        await _round(towns, WARM_BATCHES)
        for number in range(rounds):
            progress(f"Round {number + 1} of {rounds}")
            for town, spent in zip(towns, await _round(towns, BATCHES), strict=True):
                town.size.costs_us.append(spent.seconds * 1e6 / (BATCHES * BATCH))
                town.size.cpu_us.append(spent.cpu_seconds * 1e6 / (BATCHES * BATCH))
                town.size.wal_bytes.append(spent.wal_bytes / (BATCHES * BATCH))
        return [town.size for town in towns]


@asynccontextmanager
async def _town(parts: Parts, count: int, rounds: int, progress: Progress) -> AsyncIterator[Town]:
    name = f"town{count}"
    settings = Settings(kafka=parts.kafka, database=SecretStr(parts.database), database_schema=name)
    await migrate(settings)
    database = engine(settings, application=name)
    books = LedgerBooks(database, parse(TOWN))
    await books.open()
    intake = Intake(database, books, owner="growth")
    connection = await connect(settings)
    waiting = [f"{name}, waiting {number}" for number in range(ANSWERED * (rounds * BATCHES + WARM_BATCHES))]
    begun = time.monotonic()
    closed = max(count - len(waiting), 0) // grown_town.PER_LIFE
    await grown_town.fill(connection, intake, closed, lambda said: progress(f"{count:,}: {said}"))
    seconds = time.monotonic() - begun
    offsets = await grown_town.next_offsets(connection)
    at = grown_town.NEWEST + timedelta(days=1)
    for batch in batches(lives.records(map(lives.reported, waiting), offsets, at), BATCH):
        await intake.work(batch)
    await connection.execute("delete from outbox")
    await connection.execute("vacuum analyze")
    yield Town(name, intake, connection, offsets, iter(waiting), await _size(connection, seconds))
    await connection.close()
    await database.dispose()


async def _size(connection: Any, seconds: float) -> Size:
    recorded = await connection.fetchval("select count(*) from record")
    bytes_ = {
        table: await connection.fetchval("select pg_total_relation_size($1::regclass)", table) for table in TABLES
    }
    return Size(recorded, seconds, {table: size / recorded for table, size in bytes_.items()})


@dataclass(slots=True)
class _Spent:
    seconds: float = 0.0
    cpu_seconds: float = 0.0
    wal_bytes: float = 0.0


async def _round(towns: Sequence[Town], count: int) -> list[_Spent]:
    """What each town spent; a batch of each by turns, and each as often the first as the last of a turn."""
    waiting = [town.next_round(count) for town in towns]
    spent = [_Spent(cpu_seconds=-await _cpu_seconds(town)) for town in towns]
    settle()
    turn = list(zip(spent, towns, waiting, strict=True))
    for batch in range(count):
        turn.reverse()
        for own, town, todo in turn:
            before = await _log(town)
            begun, computed = time.perf_counter(), time.process_time()
            await town.intake.work(todo[batch])
            own.seconds += time.perf_counter() - begun
            own.cpu_seconds += time.process_time() - computed
            own.wal_bytes += await _log(town) - before
    for own, town in zip(spent, towns, strict=True):
        own.cpu_seconds += await _cpu_seconds(town)
        await town.connection.execute("delete from outbox")
    return spent


async def _log(town: Town) -> float:
    return float(await town.connection.fetchval("select pg_current_wal_insert_lsn() - '0/0'::pg_lsn"))


async def _cpu_seconds(town: Town) -> float:
    """What the sessions of the town's intake have computed until now."""
    pids = await town.connection.fetch("select pid from pg_stat_activity where application_name = $1", town.name)
    times = [psutil.Process(row["pid"]).cpu_times() for row in pids]
    return sum(own.user + own.system for own in times)


def _figure(sizes: Sequence[Size]) -> Figure:
    first, last = sizes[0], sizes[-1]
    found = ratios(last.costs_us, first.costs_us)
    costs = "; ".join(f"{size.recorded:,}: {size.cost_us:.0f} µs" for size in sizes)
    note = f"{spread(found)}; CPU {spread(ratios(last.cpu_us, first.cpu_us))}; {costs}"
    return Figure(f"intake with {last.recorded:,} recorded", statistics.median(found), GOAL, "of the first", note)


def main(
    counts: Annotated[
        list[int] | None, typer.Argument(help="Recorded events; the goal's sizes when none is named.")
    ] = None,
    rounds: int = 5,
    plot: Annotated[Path | None, typer.Option(help="Where the picture goes (PNG).")] = None,
    output: Annotated[Path | None, typer.Option(help="Where the figures go (JSON).")] = None,
) -> None:
    """Measure and print the growth alone."""
    console = Console(stderr=True)
    with tempfile.TemporaryDirectory() as name:
        Path(name).chmod(0o755)  # as root, PostgreSQL runs as another user that must reach its data
        sizes = asyncio.run(measure(Path(name), counts or COUNTS, rounds, console.print))
    Console(width=160).print(table(sizes))
    if plot:
        draw(sizes, plot)
    if output:
        output.write_text(json.dumps([asdict(size) for size in sizes], indent=1))


if __name__ == "__main__":
    typer.run(main)
