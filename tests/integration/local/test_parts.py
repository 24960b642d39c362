from __future__ import annotations

import asyncio
import contextlib
import json
import os
import shutil
import signal
import socket
import sys
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path

import asyncpg
import psutil
import pytest
from aiokafka import AIOKafkaConsumer, AIOKafkaProducer, TopicPartition
from aiokafka.admin import AIOKafkaAdminClient, NewTopic
from aiokafka.errors import UnknownTopicOrPartitionError

from services.local import jars
from services.local.faults import FolderInUse, JarRefused, PartDied, PortInUse
from services.local.parts import Parts

ROOT = Path(__file__).parents[3]
GONE_WITHIN = 60.0
LOG_APPEND_TIME = 1

OWNER = """
import asyncio, json, sys
from pathlib import Path
from services.local.parts import Parts

async def main():
    async with Parts(Path(sys.argv[1]), 0, 0) as parts:
        print(json.dumps({"kafka": parts.kafka, "database": parts.database, "pids": dict(parts.pids)}), flush=True)
        await asyncio.Event().wait()

asyncio.run(main())
"""


@dataclass
class Owner:
    """A process that started the parts, as `koikarper local` does."""

    process: asyncio.subprocess.Process
    kafka: str
    database: str
    children: dict[str, psutil.Process]

    def everything(self) -> list[psutil.Process]:
        backends = self.children["PostgreSQL"].children()
        return [*self.children.values(), *backends]


@contextlib.asynccontextmanager
async def owner(folder: Path) -> AsyncIterator[Owner]:
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-c", OWNER, str(folder)), stdout=asyncio.subprocess.PIPE, cwd=ROOT, start_new_session=True
    )
    try:
        assert process.stdout is not None
        told = json.loads(await process.stdout.readline())
        children = {name: psutil.Process(pid) for name, pid in told["pids"].items()}
        yield Owner(process, told["kafka"], told["database"], children)
    finally:
        with contextlib.suppress(ProcessLookupError):
            process.kill()
        await process.wait()


async def write(kafka: str, database: str, number: int) -> None:
    """Records and rows that both servers have promised to keep."""
    admin = AIOKafkaAdminClient(bootstrap_servers=kafka)
    await admin.start()
    await admin.create_topics([NewTopic("kept", 1, 1)])
    await admin.close()
    async with AIOKafkaProducer(bootstrap_servers=kafka, acks="all", compression_type="zstd") as producer:
        await asyncio.gather(*[await producer.send("kept", str(n).encode()) for n in range(number)])
    connection = await asyncpg.connect(database)
    await connection.execute("create table kept (n int primary key)")
    await connection.execute("insert into kept select generate_series(0, $1 - 1)", number)
    await connection.close()


async def read(kafka: str, database: str) -> tuple[list[int], list[int]]:
    """All that is there: the records, the rows."""
    consumer = AIOKafkaConsumer(bootstrap_servers=kafka)
    await consumer.start()
    kept = TopicPartition("kept", 0)
    consumer.assign([kept])
    await consumer.seek_to_beginning(kept)
    end = (await consumer.end_offsets([kept]))[kept]
    records = [int((await consumer.getone()).value) for _ in range(end)]
    await consumer.stop()
    connection = await asyncpg.connect(database)
    rows = [row["n"] for row in await connection.fetch("select n from kept order by n")]
    await connection.close()
    return records, rows


async def gone(processes: list[psutil.Process]) -> list[psutil.Process]:
    """Which of them are still there after `GONE_WITHIN` seconds."""
    _, alive = await asyncio.to_thread(psutil.wait_procs, processes, GONE_WITHIN)
    return alive


async def test_the_broker_stamps_compressed_records_itself_and_makes_no_topic_by_itself(parts: Parts) -> None:
    admin = AIOKafkaAdminClient(bootstrap_servers=parts.kafka)
    await admin.start()
    await admin.create_topics([NewTopic("stamped", 1, 1)])
    await admin.close()
    async with AIOKafkaProducer(bootstrap_servers=parts.kafka, compression_type="zstd") as producer:
        written = await producer.send_and_wait("stamped", b"x" * 1000, timestamp_ms=1)
        assert written.timestamp_type == LOG_APPEND_TIME
        assert written.timestamp > 1
        with pytest.raises((UnknownTopicOrPartitionError, asyncio.TimeoutError)):
            await asyncio.wait_for(producer.send_and_wait("never-made", b"x"), 3)


async def test_the_database_wants_its_password_and_keeps_what_is_committed(parts: Parts) -> None:
    with pytest.raises(asyncpg.InvalidPasswordError):
        await asyncpg.connect(parts.database, password="guessed")
    connection = await asyncpg.connect(parts.database)
    assert await connection.fetchval("show fsync") == "on"
    assert await connection.fetchval("show synchronous_commit") == "on"
    assert await connection.fetchval("select lower('Ë') = 'ë'")
    await connection.close()


async def test_both_listen_on_the_loopback_interface_only(parts: Parts) -> None:
    for name in ("Kafka", "PostgreSQL"):
        listening = [c.laddr.ip for c in psutil.Process(parts.pids[name]).net_connections() if c.status == "LISTEN"]
        assert listening
        assert {ip.removeprefix("::ffff:") for ip in listening} == {"127.0.0.1"}


async def test_data_and_password_outlive_a_restart_on_other_ports(tmp_path: Path) -> None:
    async with Parts(tmp_path, 0, 0) as first:
        await write(first.kafka, first.database, 100)
    async with Parts(tmp_path, 0, 0) as second:
        assert second.kafka != first.kafka
        assert await read(second.kafka, second.database) == (list(range(100)), list(range(100)))


async def test_nothing_is_left_running_after_stop(tmp_path: Path) -> None:
    async with Parts(tmp_path, 0, 0) as running:
        processes = [psutil.Process(pid) for pid in running.pids.values()]
        assert len(processes) == 3
    assert not any(process.is_running() for process in processes)


async def test_a_killed_owner_leaves_no_orphan_and_the_next_start_has_all_its_data(tmp_path: Path) -> None:
    async with owner(tmp_path) as killed:
        await write(killed.kafka, killed.database, 100)
        left = killed.everything()
        killed.process.kill()
        told: list[str] = []
        async with Parts(tmp_path, 0, 0, told.append) as again:  # at once: it waits for what is still stopping
            assert not await gone(left)
            assert await read(again.kafka, again.database) == (list(range(100)), list(range(100)))


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux can tell a child that its parent ended")
async def test_even_with_the_watchdog_killed_too_no_orphan_is_left(tmp_path: Path) -> None:
    async with owner(tmp_path) as killed:
        left = killed.everything()
        killed.process.kill()
        killed.children["watchdog"].kill()
        assert not await gone(left)


async def test_data_are_whole_after_owner_watchdog_and_parts_were_all_killed(tmp_path: Path) -> None:
    async with owner(tmp_path) as killed:
        await write(killed.kafka, killed.database, 100)
        killed.process.kill()
        for process in killed.children.values():
            process.kill()
    assert (tmp_path / "postgres" / "postmaster.pid").exists()
    (tmp_path / "postgres" / "postmaster.pid").write_text(f"{os.getpid()}\n{tmp_path}\n")  # the number is used again
    async with Parts(tmp_path, 0, 0) as again:
        assert await read(again.kafka, again.database) == (list(range(100)), list(range(100)))


async def test_ctrl_c_to_the_whole_process_group_stops_both_cleanly(tmp_path: Path) -> None:
    async with owner(tmp_path) as stopped:
        left = stopped.everything()
        os.killpg(stopped.process.pid, signal.SIGINT)
        await asyncio.wait_for(stopped.process.wait(), GONE_WITHIN)
        assert not await gone(left)
    assert "database system is shut down" in (tmp_path / "logs" / "postgres.log").read_text()
    assert (tmp_path / "kafka" / "data" / ".kafka_cleanshutdown").exists()


@pytest.mark.parametrize("name", ["Kafka", "PostgreSQL", "watchdog"])
async def test_the_death_of_a_part_is_told_with_the_end_of_its_log(tmp_path: Path, name: str) -> None:
    async with Parts(tmp_path, 0, 0) as running:
        processes = [psutil.Process(pid) for pid in running.pids.values()]
        psutil.Process(running.pids[name]).kill()
        death = await asyncio.wait_for(running.died, GONE_WITHIN)
        assert isinstance(death, PartDied)
        assert death.part == name
        assert f"{name} ended by itself (signal 9)" in str(death)
        if name == "PostgreSQL":
            assert "database system is ready to accept connections" in str(death)
    assert not await gone(processes)


async def test_a_part_that_cannot_start_is_told_with_the_end_of_its_log(tmp_path: Path) -> None:
    async with Parts(tmp_path, 0, 0):
        pass
    (tmp_path / "postgres" / "pg_hba.conf").write_text("nonsense\n")
    with pytest.raises(PartDied, match=r"could not load .*pg_hba.conf"):
        await Parts(tmp_path, 0, 0).start()


@pytest.mark.parametrize(
    ("ports", "option"), [((1, 0), "--kafka-port"), ((0, 1), "--database-port")], ids=["kafka", "database"]
)
async def test_a_port_in_use_is_named_with_the_option_that_changes_it(
    tmp_path: Path, ports: tuple[int, int], option: str
) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        kafka, database = (port if wanted else 0 for wanted in ports)
        with pytest.raises(PortInUse, match=rf"^Port {port} for .*{option}"):
            await Parts(tmp_path, kafka, database).start()


async def test_a_second_start_on_a_folder_is_refused_and_names_the_first(parts: Parts) -> None:
    assert parts.folder is not None
    with pytest.raises(FolderInUse, match=rf"in use by process {os.getpid()}.*--data"):
        await Parts(parts.folder.path, 0, 0).start()


async def test_a_jar_that_was_tampered_with_is_refused_before_anything_runs(tmp_path: Path, parts: Parts) -> None:
    cache = tmp_path / "jars"
    cache.mkdir()
    for jar in jars.class_path(lambda _: None):
        (cache / jar.name).symlink_to(jar)
    chosen = next(cache.glob("kafka-clients-*.jar"))
    original = chosen.resolve()
    chosen.unlink()
    shutil.copy(original, chosen)
    with chosen.open("ab") as stream:
        stream.write(b"\0")
    with pytest.raises(JarRefused, match=f"{chosen.name} is not the jar"):
        await Parts(tmp_path / "data", 0, 0, jar_cache=cache).start()
    assert not (tmp_path / "data" / "logs" / "kafka.out").exists()
