"""The whole circuit in one process: topic, ledger, relay, topic, kit, answer, ledger; beside the ledger alone."""

import asyncio
import sys
import time
from pathlib import Path

from events.catalogue import department_assignments, team_feedback
from events.envelope import STRUCTURED_HEADERS
from services.local.parts import Parts
from services.runtime.publisher import Message, Publisher
from services.runtime.settings import Settings
from tests.benchmarks.bare_sql import connect
from tests.benchmarks.figures import Ratio
from tests.benchmarks.intake import ledger_rate
from tests.benchmarks.mixture import SIGNALS, TOWN, earlier
from tests.benchmarks.outbox import emptied
from tests.benchmarks.running import prepare, process, town, variables
from tests.benchmarks.topic_ends import TopicEnds

COUNT, QUICK_COUNT = 10_000, 3_000
"""Signals; each makes the ledger take in two events: the signal, and the department's answer."""
PATIENCE_SECONDS = 300
PAUSE_SECONDS = 0.02
_READ = "select coalesce(sum(next_offset), 0)::int from reading"
_DONE = """
select (select count(*) from assignment where state = 'acknowledged')::int,
       (select count(*) from record where refused is null)::int,
       (select count(*) from record)::int
"""


async def ratios(folder: Path, rounds: int, *, quick: bool) -> list[Ratio]:
    """Events per second that the ledger takes in while they go the whole way round, and when it has nothing else."""
    count = QUICK_COUNT if quick else COUNT
    measured = []
    async with Parts(folder / "parts", kafka_port=0, database_port=0) as parts:
        for number in range(rounds):
            own = folder / f"round{number}"
            ours = await circuit_rate(town(parts, own, TOWN, log_level="error"), own / "journal", count)
            measured.append((ours, await ledger_rate(town(parts, own, TOWN, log_level="error"), 2 * count)))
    ours, ledgers = zip(*measured, strict=True)
    return [Ratio("whole circuit in one process, of the ledger's intake", ours, ledgers, 0.40, "events/s")]


async def circuit_rate(settings: Settings, journal: Path, count: int) -> float:
    """Events per second that the ledger takes in, signals and answers; the first quarter is not counted."""
    await prepare(settings)
    await _tell(settings, count)
    topics = department_assignments("permits"), team_feedback("noord")
    arguments = [sys.executable, "-m", "tests.benchmarks.circuit_program", str(journal)]
    async with (
        TopicEnds.opened(settings, topics) as ends,
        process(arguments, variables(settings)),
        asyncio.timeout(PATIENCE_SECONDS),
    ):
        warm = await _read(settings, count // 2)
        begun = time.perf_counter()
        last = await _read(settings, 2 * count)
        await ends.reached(3 * count)
        await emptied(settings)
        seconds = time.perf_counter() - begun
        told = await ends.grown()
    await _check(settings, count, told)
    return (last - warm) / seconds


async def _tell(settings: Settings, count: int) -> None:
    publisher = Publisher(settings, client="bench")
    await publisher.start()
    signals = [Message(SIGNALS, key, value, STRUCTURED_HEADERS) for _, key, value in earlier(count * 10 // 3 + 10)]
    outcomes = await publisher.send_all(signals[:count])
    await publisher.stop()
    if any(outcomes):
        raise RuntimeError(f"not all signals could be sent: {next(filter(None, outcomes))}")


async def _read(settings: Settings, count: int) -> int:
    """Wait until the ledger has read at least `count` records; how many it then had."""
    connection = await connect(settings)
    while (read := await connection.fetchval(_READ)) < count:  # noqa: ASYNC110 - another process is looked at
        await asyncio.sleep(PAUSE_SECONDS)
    await connection.close()
    return int(read)


async def _check(settings: Settings, count: int, told: int) -> None:
    """Every signal was assigned, told, taken in, answered and acknowledged once, and nothing was refused."""
    connection = await connect(settings)
    acknowledged, good, recorded = await connection.fetchrow(_DONE)
    await connection.close()
    if (acknowledged, good, recorded, told) != (count, 2 * count, 2 * count, 3 * count):
        raise RuntimeError(f"{acknowledged} of {count} acknowledged, {good} of {recorded} events good, {told} told")
