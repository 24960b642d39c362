"""Three Kafka nodes and PostgreSQL on this machine, laid out by the very files that docker-compose.yml mounts.

Each node is started by `deploy/kafka/start.sh` with `deploy/kafka/server.properties`, on a loopback address of its own
(Linux has all of 127/8), so that ports are those of the containers. Only Java is the embedded one, with small options.
"""

from __future__ import annotations

import asyncio
import base64
import os
import secrets
import shlex
import signal
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Self

import psutil
from aiokafka.admin import AIOKafkaAdminClient  # type: ignore[import-untyped]  # aiokafka has no py.typed
from aiokafka.errors import KafkaError  # type: ignore[import-untyped]  # as above

from services.local import jars
from services.local.children import Children, Command
from services.local.folder import Folder
from services.local.kafka_settings import JAVA, LOGGING
from services.local.postgres import Postgres

DEPLOY = Path(__file__).parents[1] / "deploy" / "kafka"
NODES = (1, 2, 3)
START_SECONDS = 120
_PAUSE = 0.1
_TOOLS = {"kafka-storage.sh": "kafka.tools.StorageTool", "kafka-server-start.sh": "kafka.Kafka"}


class Cluster:
    """`async with Cluster(folder) as cluster`: three nodes and a database; all end with this process, also by a kill.

    `kafka` are the bootstrap servers, `database` is a URL with its password, `pids` are by name: `kafka-1` to
    `kafka-3`, `PostgreSQL`. A node that was killed is brought back with `start`.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = Folder.open(folder)
        self._home = folder / "kafka"
        self._cluster_id = base64.urlsafe_b64encode(secrets.token_bytes(16)).decode().rstrip("=")
        self._net = f"127.{secrets.randbelow(200) + 20}.{secrets.randbelow(250) + 1}"  # no other session's
        self._children = Children(self._folder.lock, self._folder.log("watchdog.log"))
        self._postgres = Postgres(self._folder, 0)
        self.kafka = ",".join(f"{self.host(number)}:9092" for number in NODES)
        self.database = self._postgres.address

    def host(self, number: int) -> str:
        """The loopback address of a node, or of anything else that wants one: numbers from 10 are free."""
        return f"{self._net}.{number}"

    @property
    def pids(self) -> dict[str, int]:
        """The processes that run now, by name."""
        return dict(self._children.pids)

    async def __aenter__(self) -> Self:
        try:
            await self._children.start()
            await asyncio.to_thread(self._prepare)
            await asyncio.gather(self._start_postgres(), *(self._launch(number) for number in NODES))
            await self.whole(NODES)
        except BaseException:
            await self.__aexit__()
            raise
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._children.stop()
        self._postgres.release()
        self._folder.close()

    async def kill(self, number: int, how: signal.Signals = signal.SIGKILL) -> None:
        """End a node, without a word to the others where the signal gives it no time; it is gone on return."""
        process = psutil.Process(self.pids[f"kafka-{number}"])
        process.send_signal(how)
        await asyncio.to_thread(psutil.wait_procs, [process], START_SECONDS)

    async def start(self, number: int) -> None:
        """Bring a node back on its own data, and wait until the others know it."""
        await self._launch(number)
        await self.whole([number])

    async def whole(self, numbers: Sequence[int] = NODES) -> None:
        """Wait until the cluster lists these nodes as brokers that serve."""
        limit = time.monotonic() + START_SECONDS
        while not (await self._all_listen(numbers) and set(numbers) <= await self.brokers()):
            assert time.monotonic() < limit, f"no cluster: {self._tail()}"
            await asyncio.sleep(_PAUSE)

    async def brokers(self) -> set[int]:
        """The numbers of the brokers that the cluster lists now; none when it does not answer."""
        admin = AIOKafkaAdminClient(bootstrap_servers=self.kafka, request_timeout_ms=5000)
        try:
            await admin.start()
            return {broker["node_id"] for broker in (await admin.describe_cluster())["brokers"]}
        except (KafkaError, OSError):
            return set()
        finally:
            await admin.close()

    async def _all_listen(self, numbers: Sequence[int]) -> bool:
        """A node opens its port for clients only once the cluster has taken it in (the containers' health check)."""
        try:
            for number in numbers:
                _, writer = await asyncio.open_connection(self.host(number), 9092)
                writer.close()
        except OSError:
            return False
        return True

    def _prepare(self) -> None:
        """The tools that start.sh calls, with the embedded Java behind them."""
        self._postgres.prepare(lambda _: None)
        tools = self._folder.inside("kafka", "bin")
        for file, main in _TOOLS.items():
            (tools / file).write_text(f'#!/bin/sh\nexec {shlex.join(JAVA)} {main} "$@"\n')
            (tools / file).chmod(0o700)
        for number in NODES:
            self._folder.inside("kafka", str(number), "tmp")
            self._folder.inside("kafka", str(number), "logs")
            (self._home / str(number) / "log4j2.properties").write_text(LOGGING.replace("../logs", "logs"))

    async def _launch(self, number: int) -> None:
        home = self._home / str(number)
        await self._children.launch(
            Command(
                name=f"kafka-{number}",
                argv=["/bin/bash", str(DEPLOY / "start.sh")],
                cwd=home,
                log=home / "kafka.out",
                stop=signal.SIGTERM,
                env=self.environment(number) | self._java(home),
            )
        )

    def environment(self, number: int) -> dict[str, str]:
        """What docker-compose.yml says to a node, with this cluster's addresses."""
        return {
            "BROKER_NODE": str(number),
            "BROKER_HOST": self.host(number),
            "BROKER_VOTERS": ",".join(f"{other}@{self.host(other)}:9093" for other in NODES),
            "BROKER_CLUSTER": self._cluster_id,
            "BROKER_DATA": str(self._home / str(number) / "data"),
        }

    def _java(self, home: Path) -> dict[str, str]:
        """What stands in for the image: where the tools are, and where it may write."""
        class_path = os.pathsep.join(str(jar) for jar in jars.class_path(lambda _: None))
        return {
            "PATH": "/usr/bin:/bin",
            "LANG": "C.UTF-8",
            "KAFKA_HOME": str(self._home),
            "TMPDIR": str(home / "tmp"),
            "CLASSPATH": class_path,
        }

    async def _start_postgres(self) -> None:
        await self._children.launch(self._postgres.command())
        limit = time.monotonic() + START_SECONDS
        while not await self._postgres.answers():
            assert time.monotonic() < limit, "PostgreSQL does not answer"
            await asyncio.sleep(_PAUSE)

    def _tail(self) -> str:
        logs = [self._home / str(number) / name for number in NODES for name in ("kafka.out", "logs/kafka.log")]
        return "\n".join(f"{log}: {log.read_text()[-2000:]}" for log in logs if log.exists())
