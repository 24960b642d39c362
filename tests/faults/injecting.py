"""Every kind of fault: what is done, and undone. One function a kind; the kinds are named in `plan.py`."""

from __future__ import annotations

import asyncio
import contextlib
import signal
from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING

import asyncpg
from aiokafka.errors import KafkaError  # type: ignore[import-untyped]  # aiokafka has no py.typed

from events.catalogue import DEAD_LETTERS, Topic, loop_topics
from services.runtime.errors import KoikarperError
from services.runtime.topics import delete, ensure
from tests.faults import plan, town
from tests.faults.arena import Single, Three
from tests.faults.worker import BACK, FORTH

if TYPE_CHECKING:
    from tests.faults.run import Run

Injection = Callable[["Run", plan.Fault], Awaitable[None]]

FROZEN_BROKER_SECONDS = 7.0
AWAY_SECONDS = 3.0
TRIES, PAUSE_SECONDS = 40, 0.5


async def inject(run: Run, fault: plan.Fault) -> None:
    """Do it, and undo it. What a trap does was prepared when the workers started."""
    await asyncio.sleep(fault.at)
    await _KINDS[fault.kind](run, fault)


async def _nothing(_run: Run, _fault: plan.Fault) -> None:
    """The trap is laid, or the share is drawn; nothing more to do."""


async def _freeze(run: Run, fault: plan.Fault) -> None:
    """The watch lets it go on once its session has ended."""
    service = plan.FREEZES[fault.kind]
    names = [name for name in run.crew.workers if name.startswith(f"{service}-")]
    run.crew.signal(names[fault.options["which"] % len(names)], signal.SIGSTOP)


async def _freeze_broker(run: Run, _fault: plan.Fault) -> None:
    arena = _single(run)
    arena.freeze("Kafka")
    await asyncio.sleep(FROZEN_BROKER_SECONDS)
    arena.thaw("Kafka")


async def _broker_killed(run: Run, _fault: plan.Fault) -> None:
    await _single(run).kill("Kafka")
    await asyncio.sleep(0.5)
    await _single(run).start("Kafka")


async def _database_killed(run: Run, _fault: plan.Fault) -> None:
    await _single(run).kill("PostgreSQL")
    await asyncio.sleep(0.5)
    await _single(run).start("PostgreSQL")


async def _broker_unreachable(run: Run, _fault: plan.Fault) -> None:
    proxy = _single(run).broker_proxy
    proxy.cut()
    await asyncio.sleep(run.unreachable_seconds)
    proxy.mend()


async def _database_unreachable(run: Run, _fault: plan.Fault) -> None:
    proxy = _single(run).database_proxy
    proxy.cut()
    await asyncio.sleep(run.unreachable_seconds)
    proxy.mend()


async def _disk_full(run: Run, _fault: plan.Fault) -> None:
    """The disk of the tables is full; where none can be mounted, PostgreSQL says so of its own accord."""
    disk = _single(run).disk
    if disk.there:
        await asyncio.to_thread(disk.fill)
        await asyncio.sleep(AWAY_SECONDS)
        disk.empty()
        return
    run.notes.append("disk-full: no disk of its own could be mounted, so a trigger raises the same error")
    connection = await _connected(run)
    try:
        await connection.execute(_FULL.format(schema=run.schema))
        await asyncio.sleep(AWAY_SECONDS)
        await connection.execute(f'drop trigger full_disk on "{run.schema}".record')
    finally:
        await connection.close()


_FULL = """
    create function "{schema}".full_disk() returns trigger language plpgsql
    as $$ begin raise exception 'no space left on device' using errcode = 'disk_full'; end $$;
    create trigger full_disk before insert on "{schema}".record execute function "{schema}".full_disk();
"""


async def _duplicates(run: Run, _fault: plan.Fault) -> None:
    await run.people.again()


async def _burst(run: Run, _fault: plan.Fault) -> None:
    run.people.burst = True
    await asyncio.sleep(1)
    run.people.burst = False


async def _reads_nothing(run: Run, fault: plan.Fault) -> None:
    run.people.silent.add(town.DEPARTMENTS[fault.options["which"]])


async def _same_instance_twice(run: Run, _fault: plan.Fault) -> None:
    name = run.crew.add("ledger", "0-twin", instance="0")
    await asyncio.sleep(4)
    run.crew.signal(name, signal.SIGKILL)
    await run.crew.stop(name)


async def _join_and_leave(run: Run, _fault: plan.Fault) -> None:
    names = [run.crew.add("ledger", label) for label in ("2", "3")]
    for name in names:
        await asyncio.sleep(2)
        await run.crew.stop(name)


async def _replay(run: Run, _fault: plan.Fault) -> None:
    """Every ledger ends, what was read is forgotten, and all is read again from offset 0."""
    names = [name for name in run.crew.workers if name.startswith("ledger-")]
    run.history.read_again = True
    for name in names:
        run.crew.workers[name].wanted = False
        run.crew.signal(name, signal.SIGKILL)
    await asyncio.sleep(0.3)
    connection = await _connected(run)
    try:
        await connection.execute(f'update "{run.schema}".reading set next_offset = 0')  # noqa: S608 - our own name
    finally:
        await connection.close()
    for name in names:
        run.crew.workers[name].wanted = True


async def _partitions_added(run: Run, _fault: plan.Fault) -> None:
    topics = [Topic(f"neighbourhood.{kind}", partitions=8) for kind in town.KINDS[:2]]
    await _until_done(lambda: ensure(run.settings, topics))


async def _agreements_changed(run: Run, _fault: plan.Fault) -> None:
    """A department gets another code while its assignments are open; every service is started anew, one by one."""
    run.agreements.write_text(town.renamed_town())
    for name in list(run.crew.workers):
        if name in run.crew.workers:
            await run.crew.restart(name)


async def _dead_letters_away(run: Run, _fault: plan.Fault) -> None:
    topic = next(topic for topic in loop_topics() if topic.name == DEAD_LETTERS)
    await _until_done(lambda: delete(run.settings, [topic.name]))
    await asyncio.sleep(AWAY_SECONDS)
    await _until_done(lambda: ensure(run.settings, [topic]))


async def _clock(run: Run, there: signal.Signals, back: signal.Signals) -> None:
    moved = {name: one.process for name, one in run.crew.workers.items()}
    for name in moved:
        run.crew.signal(name, there)
    await asyncio.sleep(AWAY_SECONDS)
    for name, process in moved.items():
        if name in run.crew.workers and run.crew.workers[name].process is process:  # one that died since began aright
            run.crew.signal(name, back)


async def _forth(run: Run, _fault: plan.Fault) -> None:
    await _clock(run, FORTH, BACK)


async def _back(run: Run, _fault: plan.Fault) -> None:
    await _clock(run, BACK, FORTH)


async def _one_of_three(run: Run, fault: plan.Fault) -> None:
    assert isinstance(run.arena, Three)
    number = 1 + (fault.options["which"] + run.plan.seed) % 3
    await run.arena.kill_node(number)
    await asyncio.sleep(AWAY_SECONDS)
    await run.arena.start_node(number)


def _single(run: Run) -> Single:
    assert isinstance(run.arena, Single)
    return run.arena


async def _connected(run: Run) -> asyncpg.Connection:
    """A session of the database, as soon as it is there: another fault may have it away."""
    for _ in range(TRIES):
        with contextlib.suppress(OSError, asyncpg.PostgresError, asyncpg.InterfaceError, asyncpg.InternalClientError):
            return await asyncpg.connect(run.arena.direct)
        await asyncio.sleep(PAUSE_SECONDS)
    raise AssertionError("the database did not come back")


async def _until_done(act: Callable[[], Awaitable[object]]) -> None:
    """Another fault may have the broker away: then again."""
    for _ in range(TRIES):
        with contextlib.suppress(KoikarperError, KafkaError, OSError):
            await act()
            return
        await asyncio.sleep(PAUSE_SECONDS)
    raise AssertionError("the broker did not come back")


_KINDS: dict[str, Injection] = {
    **dict.fromkeys(plan.POINTS, _nothing),
    **dict.fromkeys(plan.FREEZES, _freeze),
    "freeze-ledger": _nothing,
    "freeze-broker": _freeze_broker,
    "broker-killed": _broker_killed,
    "database-killed": _database_killed,
    "broker-unreachable": _broker_unreachable,
    "database-unreachable": _database_unreachable,
    "disk-full": _disk_full,
    "duplicates": _duplicates,
    "poison": _nothing,
    "burst": _burst,
    "department-reads-nothing": _reads_nothing,
    "same-instance-twice": _same_instance_twice,
    "ledgers-join-and-leave": _join_and_leave,
    "replay-from-0": _replay,
    "partitions-added": _partitions_added,
    "agreements-changed": _agreements_changed,
    "dead-letter-topic-away": _dead_letters_away,
    "clock-forth-and-back": _forth,
    "clock-back-and-forth": _back,
    "one-of-three-brokers-killed": _one_of_three,
}
