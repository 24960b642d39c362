"""The embedded Apache Kafka: KRaft, one node that is broker and controller, on the loopback interface only."""

from __future__ import annotations

import base64
import os
import shutil
import signal
import subprocess
import uuid
from collections.abc import Sequence
from pathlib import Path

from aiokafka.conn import create_conn  # type: ignore[import-untyped]  # aiokafka has no py.typed
from aiokafka.errors import KafkaError  # type: ignore[import-untyped]  # as above
from aiokafka.protocol.metadata import MetadataRequest  # type: ignore[import-untyped]  # as above

from services.local import jars
from services.local.children import Command
from services.local.faults import PartError
from services.local.folder import Folder, write_whole
from services.local.kafka_settings import JAVA, LOGGING, PROPERTIES
from services.local.part import Progress
from services.local.ports import LOOPBACK, Reserved


class Kafka:
    """One broker in a data folder. `prepare` first; its ports may differ from start to start."""

    name = "Kafka"

    def __init__(self, folder: Folder, port: int, *, lock: Path = jars.LOCK, cache: Path | None = None) -> None:
        """Reserves its ports. Raises `PortInUse`."""
        self._folder = folder
        self._home = folder.inside("kafka")
        self._lock, self._cache = lock, cache
        self._class_path: Sequence[Path] = ()
        self._ports = (Reserved(port, "Kafka", "--kafka-port"), Reserved(0, "Kafka's controller", "--kafka-port"))
        self.logs: Sequence[Path] = (folder.log("kafka.log"), folder.log("kafka.out"))

    @property
    def port(self) -> int:
        """The port that clients use."""
        return self._ports[0].port

    @property
    def address(self) -> str:
        """What clients call a bootstrap server."""
        return f"{LOOPBACK}:{self.port}"

    def prepare(self, progress: Progress) -> None:
        """Fetch and check the jars, write the configuration, make the log folder where there is none. Blocks."""
        self._class_path = jars.class_path(progress, lock=self._lock, cache=self._cache)
        shutil.rmtree(self._home / "tmp", ignore_errors=True)
        self._folder.inside("kafka", "tmp")
        write_whole(self._home / "log4j2.properties", LOGGING)
        self._configure("server.properties", "data")
        if not (self._home / "data").exists():
            progress("Making Kafka's log folder")
            self._format()

    def command(self) -> Command:
        """The broker itself."""
        return Command(
            name=self.name,
            argv=[*JAVA, "kafka.Kafka", "server.properties"],
            cwd=self._home,
            log=self.logs[1],
            stop=signal.SIGTERM,
            env=self._environment(),
        )

    async def answers(self) -> bool:
        """Whether the broker serves clients and knows itself as a broker under the address they use."""
        try:
            connection = await create_conn(LOOPBACK, self.port, request_timeout_ms=2000)
        except (OSError, KafkaError, TimeoutError):
            return False
        try:
            response = await connection.send(MetadataRequest([]))
        except (OSError, KafkaError, TimeoutError):
            return False
        finally:
            connection.close()
        return any(port == self.port for _, _, port, *_ in response.brokers)

    def release(self) -> None:
        """Let go of the reserved ports: the broker listens, or never will."""
        for reserved in self._ports:
            reserved.release()

    def _configure(self, file: str, logs: str) -> None:
        """`logs` is relative to the working directory: a comma in a path would make it two."""
        properties = {**PROPERTIES, **self._addresses(), "log.dirs": logs}
        write_whole(self._home / file, "".join(f"{key}={value}\n" for key, value in properties.items()))

    def _addresses(self) -> dict[str, str]:
        controller = f"{LOOPBACK}:{self._ports[1].port}"
        return {
            "listeners": f"PLAINTEXT://{self.address},CONTROLLER://{controller}",
            "advertised.listeners": f"PLAINTEXT://{self.address}",
            "controller.quorum.voters": f"1@{controller}",
        }

    def _environment(self) -> dict[str, str]:
        """Nothing of the user's own: JAVA_TOOL_OPTIONS and the like would change the broker."""
        return {"CLASSPATH": os.pathsep.join(map(str, self._class_path)), "LANG": "C.UTF-8"}

    def _format(self) -> None:
        """Under another name first, so that a folder called `data` is a finished one."""
        draft = self._home / "data.new"
        shutil.rmtree(draft, ignore_errors=True)
        self._configure("format.properties", draft.name)
        cluster = base64.urlsafe_b64encode(uuid.uuid4().bytes).decode().rstrip("=")
        tool = ("kafka.tools.StorageTool", "format", "--config", "format.properties", f"--cluster-id={cluster}")
        done = subprocess.run(  # noqa: S603 - the wheel's own Java
            [*JAVA, *tool],
            cwd=self._home,
            env=self._environment(),
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            check=False,
            start_new_session=True,  # Ctrl-C is for the parent
            pass_fds=(self._folder.lock,),
        )
        if done.returncode != 0:
            raise PartError(f"Kafka's log folder cannot be made in {self._home}: {done.stdout}{done.stderr}")
        draft.rename(self._home / "data")
