"""How a command that mends the ledger finds its database, says who does it, and shows how far it is."""

import getpass
import os
import socket
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager
from datetime import datetime, timedelta
from pathlib import Path
from typing import Annotated, Any

import typer
from pydantic import SecretStr
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn
from sqlalchemy.ext.asyncio import AsyncEngine

from events.moments import AMSTERDAM, parse_moment
from services.cli.output import WRONG_USE, errors, fail
from services.local import addresses
from services.runtime import settings as runtime
from services.runtime.database import engine, transient_errors
from services.runtime.errors import TransientError
from services.runtime.logging import audit, configure
from services.runtime.settings import Settings

DatabaseOption = Annotated[
    str,
    typer.Option(envvar="KOIKARPER_DATABASE", help="The ledger's database; default: the machine on this folder."),
]
ByOption = Annotated[
    str,
    typer.Option(
        envvar="KOIKARPER_OPERATOR",
        help="Who does it, for the audit log: a role or an account; default: the user of this shell.",
    ),
]
DryRunOption = Annotated[bool, typer.Option("--dry-run", help="Say what would be done, and do nothing.")]
JsonOption = Annotated[bool, typer.Option("--json", help="Print one line of JSON for programs.")]

STATEMENT_MAX = timedelta(hours=1)

Step = Callable[[int], None]
"""Says that so many more are done."""


def operator(by: str) -> str:
    """Who does it: as said, or the user of this shell."""
    if by:
        return by
    try:
        return getpass.getuser()
    except (KeyError, OSError):  # a container's user that has no name
        return f"uid {os.getuid()}"


def settings_of(database: str, folder: Path) -> Settings:
    """Where the ledger is: as given, as a settings file says, or on the machine of this folder."""
    found = None if os.environ.get(runtime.FILE_VARIABLE) else addresses.read(folder)
    address = database or (found.database if found else "")
    return runtime.load(database=SecretStr(address)) if address else runtime.load()


def patient(settings: Settings) -> Settings:
    """The same, with an hour for one statement: what walks the whole record may take long, and keeps nobody waiting."""
    return settings.model_copy(update={"database_timeout": STATEMENT_MAX})


@asynccontextmanager
async def ledger_of(settings: Settings) -> AsyncIterator[AsyncEngine]:
    """The ledger's database; one that is away ends the command with what to do about it."""
    configure(settings)
    database = engine(settings, pool_size=1, application="koikarper-operator")
    try:
        async with transient_errors():
            yield database
    except TransientError as error:
        raise TransientError(
            f"{error}\nNothing is half done, and saying it again is safe. Is KOIKARPER_DATABASE right (or "
            "--data-folder that of a running `koikarper local`), and did `koikarper migrate` run?"
        ) from error
    finally:
        await database.dispose()


def log_act(action: str, what: str, by: str, **more: Any) -> None:
    """Write what an operator did into the audit log, on standard error."""
    audit(action, what, "done", origin=socket.gethostname(), actor=by, **more)


def moment_of(text: str | None, option: str) -> datetime | None:
    """A moment with an offset, or the beginning of a day in the Netherlands; ends the command when it is neither."""
    if text is None:
        return None
    try:
        return parse_moment(text)
    except ValueError:
        pass
    try:
        return datetime.strptime(text, "%Y-%m-%d").replace(tzinfo=AMSTERDAM)
    except ValueError:
        fail(f"{option} {text!r} is no moment, as in 2026-12-31 or 2026-12-31T17:00:00+01:00.", WRONG_USE)


@contextmanager
def progress(what: str, total: int) -> Iterator[Step]:
    """A bar on standard error; nothing moves where that is no terminal."""
    console = errors()
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
    with Progress(*columns, console=console, disable=not console.is_terminal) as shown:
        task = shown.add_task(what, total=total)
        yield lambda more: shown.advance(task, more)
