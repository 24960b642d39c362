"""Where runs take place: Kafka and PostgreSQL, each behind a proxy that can be cut, each to be killed."""

from __future__ import annotations

import asyncio
import contextlib
import os
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Self
from urllib.parse import urlsplit

import asyncpg
import psutil

from services.local.children import Children
from services.local.folder import Folder
from services.local.kafka import Kafka
from services.local.keys import jwks
from services.local.part import Part
from services.local.ports import LOOPBACK
from services.local.postgres import Postgres
from tests.cluster import Cluster
from tests.faults.proxy import Proxy

PATIENCE_SECONDS = 120
SMALL_DISK_MB = 192


class _BehindProxy(Kafka):
    """A broker that tells its clients the proxy's address, so that all of them go through it."""

    proxy_port = 0

    def _addresses(self) -> dict[str, str]:
        return super()._addresses() | {"advertised.listeners": f"PLAINTEXT://{LOOPBACK}:{self.proxy_port}"}

    async def answers(self) -> bool:
        """Whether it serves: its own test asks for its own port."""
        try:
            _, writer = await asyncio.open_connection(LOOPBACK, self.port)
        except OSError:
            return False
        writer.close()
        return True


class SmallDisk:
    """A disk of its own for the tables, that can be full. Only root can mount one; `there` says whether it is."""

    def __init__(self, place: Path) -> None:
        self._place = place
        self._ballast = place / "ballast"
        self.there = False

    def mount(self, account: tuple[int, int]) -> None:
        """Make it where that can be done; `account` owns it."""
        if os.geteuid() != 0 or sys.platform != "linux":
            return
        self._place.mkdir()
        options = f"size={SMALL_DISK_MB}m,mode=700,uid={account[0]},gid={account[1]}"
        mounting = ["mount", "-t", "tmpfs", "-o", options, "none", str(self._place)]
        self.there = subprocess.run(mounting, capture_output=True, check=False).returncode == 0

    def fill(self) -> None:
        """Leave no byte free."""
        with self._ballast.open("wb") as file, contextlib.suppress(OSError):
            while True:
                file.write(bytes(65536))
                file.flush()

    def empty(self) -> None:
        """Take the ballast away."""
        self._ballast.unlink(missing_ok=True)

    def unmount(self) -> None:
        """Give it back."""
        if self.there:
            subprocess.run(["umount", "-l", str(self._place)], check=False)


class Single:
    """One broker and one database: `async with Single(folder) as arena`. All end with this process."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.jwks = str(jwks(folder / "callers"))
        self._opened = Folder.open(folder / "parts")
        self._children = Children(self._opened.lock, self._opened.log("watchdog.log"))
        self._broker = _BehindProxy(self._opened, 0)
        self._database = Postgres(self._opened, 0)
        self.broker_proxy = Proxy((LOOPBACK, self._broker.port))
        self.database_proxy = Proxy((LOOPBACK, self._database.port))
        # PostgreSQL's user must reach it, and cannot walk to a folder of root's.
        self.disk = SmallDisk(Path(f"/var/tmp/koikarper-faults-{os.getpid()}-{self._database.port}"))  # noqa: S108 - nothing secret lies there
        self.kafka = ""
        self.database = ""
        self.direct = self._database.address
        """The database beside the proxy: for the suite's own eyes."""

    async def __aenter__(self) -> Self:
        try:
            await self._start()
        except BaseException:
            await self.__aexit__()
            raise
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._children.stop()
        await asyncio.gather(self.broker_proxy.stop(), self.database_proxy.stop())
        self.disk.unmount()
        shutil.rmtree(self.disk._place, ignore_errors=True)
        self._opened.close()

    async def _start(self) -> None:
        await self._children.start()
        await asyncio.gather(self.broker_proxy.start(), self.database_proxy.start())
        self._broker.proxy_port = self.broker_proxy.port
        for part in (self._broker, self._database):
            await asyncio.to_thread(part.prepare, lambda _: None)
        await asyncio.gather(*(self._launch(part) for part in (self._broker, self._database)))
        self.kafka = f"{LOOPBACK}:{self.broker_proxy.port}"
        self.database = self.direct.replace(f":{urlsplit(self.direct).port}/", f":{self.database_proxy.port}/")
        await self._use_small_disk()

    async def kill(self, name: str) -> None:
        """`Kafka` or `PostgreSQL` is gone at once, and every child of it."""
        process = psutil.Process(self._children.pids[name])
        family = [process, *process.children(recursive=True)]
        for one in family:
            with contextlib.suppress(psutil.NoSuchProcess):
                one.kill()
        await asyncio.to_thread(psutil.wait_procs, family, 20)

    async def start(self, name: str) -> None:
        """Bring it back on its data, and wait until it answers."""
        await self._launch(self._broker if name == "Kafka" else self._database)

    def freeze(self, name: str) -> None:
        """It is there, and does nothing."""
        os.kill(self._children.pids[name], signal.SIGSTOP)

    def thaw(self, name: str) -> None:
        """It goes on."""
        with contextlib.suppress(KeyError, ProcessLookupError):
            os.kill(self._children.pids[name], signal.SIGCONT)

    async def whole(self) -> None:
        """Everything that a fault may have left is as it was."""
        self.broker_proxy.mend()
        self.database_proxy.mend()
        self.disk.empty()
        for name in ("Kafka", "PostgreSQL"):
            self.thaw(name)
            if name not in self._children.pids or not psutil.pid_exists(self._children.pids[name]):
                await self.start(name)

    async def _launch(self, part: Part) -> None:
        await self._children.launch(part.command())
        limit = time.monotonic() + PATIENCE_SECONDS
        while not await part.answers():
            assert time.monotonic() < limit, f"{part.name} does not answer"
            await asyncio.sleep(0.1)
        part.release()

    async def _use_small_disk(self) -> None:
        account = (self._opened.path / "postgres").stat()
        self.disk.mount((account.st_uid, account.st_gid))
        if not self.disk.there:
            return
        connection = await asyncpg.connect(self.direct)
        try:
            await connection.execute(f"create tablespace small location '{self.disk._place}'")
            await connection.execute("alter role koikarper set default_tablespace = 'small'")
        finally:
            await connection.close()


class Three:
    """Three brokers and a database, for what one broker cannot show."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.jwks = str(jwks(folder / "callers"))
        self.cluster = Cluster(folder / "cluster")
        self._killed: set[int] = set()

    async def __aenter__(self) -> Self:
        await self.cluster.__aenter__()
        self.kafka, self.database = self.cluster.kafka, self.cluster.database
        self.direct = self.database
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.cluster.__aexit__()

    async def kill_node(self, number: int) -> None:
        """One broker is gone at once."""
        self._killed.add(number)
        await self.cluster.kill(number)

    async def start_node(self, number: int) -> None:
        """It comes back on its data."""
        await self.cluster.start(number)
        self._killed.discard(number)

    async def whole(self) -> None:
        """All three are there."""
        for number in sorted(self._killed):
            await self.start_node(number)


Arena = Single | Three
