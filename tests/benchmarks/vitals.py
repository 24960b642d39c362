"""What a running machine holds at one moment: memory, descriptors, connections, and what waits in it."""

import contextlib
import os
import shutil
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self

import asyncpg
import psutil
from aiokafka import AIOKafkaConsumer, TopicPartition

from services.agreements.loading import load
from services.agreements.topics import inputs, topics

SERVICES, KAFKA, POSTGRES = "services", "Kafka", "PostgreSQL"
PROCESSES = (SERVICES, KAFKA, POSTGRES)
MB = 1e6

_OUTBOX = "select count(*) from outbox"
_READ = "select topic, partition, next_offset from reading"
_CONNECTIONS = """
    select count(*) from pg_stat_activity
    where backend_type = 'client backend' and datname = current_database() and pid <> pg_backend_pid()
"""


@dataclass(frozen=True, slots=True)
class Memory:
    """Of the processes of one name. PostgreSQL's processes share pages, of which each is counted its part (PSS)."""

    megabytes: float
    descriptors: int
    processes: int


@dataclass(frozen=True, slots=True)
class Stores:
    """What waits between the parts."""

    outbox: int
    ledger_lag: int
    department_lag: int
    team_lag: int
    connections: int
    database_mb: float


class Vitals:
    """Looks at the machine that runs as `pid`, in `folder`, whose people read with `readers`."""

    def __init__(
        self, pid: int, found: Mapping[str, str], agreements: Path, readers: Mapping[str, AIOKafkaConsumer]
    ) -> None:
        self._root = psutil.Process(pid)
        self._found = found
        known = load(agreements)
        read = set(inputs(known))
        self._inputs = [
            TopicPartition(topic.name, number)
            for topic in topics(known)
            if topic.name in read
            for number in range(topic.partitions)
        ]
        self._readers = readers
        self._ends = AIOKafkaConsumer(bootstrap_servers=found["kafka"], enable_auto_commit=False)
        self._database: asyncpg.Connection[Any] | None = None

    async def __aenter__(self) -> Self:
        await self._ends.start()
        self._database = await asyncpg.connect(
            self._found["database"], server_settings={"search_path": "koikarper", "application_name": "soak"}
        )
        return self

    async def __aexit__(self, *_: object) -> None:
        with contextlib.suppress(OSError, asyncpg.PostgresError, asyncpg.InterfaceError):
            await self.database.close(timeout=10)
        await self._ends.stop()

    @property
    def database(self) -> "asyncpg.Connection[Any]":
        """A connection of its own, as the owner of the tables."""
        assert self._database is not None
        return self._database

    def memory(self) -> dict[str, Memory]:
        """By name of `PROCESSES`; the watchdog, a Python of its own, counts with the services."""
        found: dict[str, list[psutil.Process]] = {name: [] for name in PROCESSES}
        for process in [self._root, *self._root.children(recursive=True)]:
            with contextlib.suppress(psutil.NoSuchProcess):
                found[_kind(process.name())].append(process)
        return {name: _memory(name, processes) for name, processes in found.items()}

    async def stores(self) -> Stores:
        """What waits now. Lag: records that Kafka has and the reader has not taken in."""
        read = {(row[0], row[1]): row[2] for row in await self.database.fetch(_READ)}
        return Stores(
            outbox=await self.database.fetchval(_OUTBOX),
            ledger_lag=await self._ledger_lag(read),
            department_lag=await self._reader_lag("departments"),
            team_lag=await self._reader_lag("teams"),
            connections=await self.database.fetchval(_CONNECTIONS),
            database_mb=await self.database.fetchval("select pg_database_size(current_database())") / MB,
        )

    async def _ledger_lag(self, read: Mapping[tuple[str, int], int]) -> int:
        ends = await self._ends.end_offsets(self._inputs)
        return sum(end - read.get((place.topic, place.partition), 0) for place, end in ends.items())

    async def _reader_lag(self, who: str) -> int:
        reader = self._readers[who]
        partitions = reader.assignment()
        ends = await self._ends.end_offsets(partitions)
        return sum([end - await reader.position(place) for place, end in ends.items()])


def folder_bytes(folder: Path) -> int:
    """What the files of a folder take on the disk."""
    total = 0
    for place, _, names in os.walk(folder):
        for name in names:
            with contextlib.suppress(FileNotFoundError):
                total += (Path(place) / name).lstat().st_blocks * 512
    return total


def free_bytes(folder: Path) -> int:
    """Room that is left on its disk."""
    return shutil.disk_usage(folder).free


def _kind(name: str) -> str:
    if name == "java":
        return KAFKA
    return POSTGRES if name.startswith("postgres") else SERVICES


def _memory(name: str, processes: list[psutil.Process]) -> Memory:
    size = descriptors = count = 0
    for process in processes:
        with contextlib.suppress(psutil.NoSuchProcess):
            held = process.memory_full_info().pss if name == POSTGRES else process.memory_info().rss
            descriptors += process.num_fds()
            size, count = size + held, count + 1
    return Memory(size / MB, descriptors, count)


def own_mb() -> float:
    """Megabytes of this program itself."""
    return float(psutil.Process().memory_info().rss / MB)
