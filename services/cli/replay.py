"""`koikarper replay`: a historical event log through the same loop, with its own time."""

import asyncio
import logging
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import datetime
from pathlib import Path
from typing import Annotated, Any

import typer
import uvloop
from pydantic import SecretStr
from rich.console import Console

from events.moments import parse_moment
from services.cli.output import WRONG_USE, errors, fail, print_json, told
from services.cli.waits import HtmlOption, write_page
from services.local.addresses import DEFAULT_FOLDER, read
from services.local.faults import FolderInUse, PartDied
from services.local.replay import namespace
from services.local.replay.faults import MappingError
from services.local.replay.log import Log
from services.local.replay.mapping import Mapping, load
from services.local.replay.progress import bars
from services.local.replay.report import Report
from services.local.replay.run import replay as run_replay
from services.local.replay.run import tell
from services.report.reading import read as read_town
from services.report.town import Town
from services.runtime import settings as runtime
from services.runtime.clock import now
from services.runtime.logging import configure
from services.runtime.settings import Settings

LogArgument = Annotated[Path, typer.Argument(help="The event log: .csv, .csv.gz, .xes or .xes.gz.")]
MappingOption = Annotated[Path, typer.Option(help="The YAML file that says which column is what.")]
UntilOption = Annotated[str | None, typer.Option(help="Stop the log at this moment (RFC 3339, with an offset).")]
JsonOption = Annotated[bool, typer.Option("--json", help="Print one line of JSON for programs.")]
KafkaOption = Annotated[str, typer.Option(envvar="KOIKARPER_KAFKA", help="Bootstrap servers of a running Kafka.")]
DatabaseOption = Annotated[str, typer.Option(envvar="KOIKARPER_DATABASE", help="The URL of a running PostgreSQL.")]
DataOption = Annotated[Path, typer.Option(help="The data folder of this machine, where no addresses are given.")]

WIDTH = 160
"""Of a report that is written into a file, where no terminal says how wide it is."""


Ground = tuple[Settings, asyncio.Future[PartDied] | None]
"""Where the replay runs, and how it is told that a part which was started for it has died."""


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command()(replay)


def replay(
    log: LogArgument,
    mapping: MappingOption,
    until: UntilOption = None,
    html: HtmlOption = None,
    json: JsonOption = False,
    kafka: KafkaOption = "",
    database: DatabaseOption = "",
    data: DataOption = DEFAULT_FOLDER,
) -> None:
    """Send a historical event log through the same loop, with the log as the clock, and report who waited how long.

    It runs on the Kafka and PostgreSQL that are named, else on those of a running `koikarper local`, else it starts
    its own in the data folder. It has topics and a schema of its own, and begins afresh each time.
    """
    if bool(kafka) != bool(database):
        fail("Name both --kafka and --database, or neither.", WRONG_USE)
    moment = _moment(until)
    read_mapping = _mapping(mapping)
    with told():
        read_log = Log(log, read_mapping.delimiter)
        work = _replay(read_log, read_mapping, moment, (kafka, database), data, with_town=html is not None)
        report, town = uvloop.run(work)
    if json:
        print_json(report.as_json())
    else:
        console = Console(highlight=False)
        report.show(console if console.is_terminal else Console(highlight=False, width=WIDTH))
    if html is not None and town is not None:
        write_page(html, town, errors())


def _moment(text: str | None) -> datetime | None:
    if text is None:
        return None
    try:
        return parse_moment(text)
    except ValueError:
        fail(f"--until {text!r} is no date and time with an offset, as in 2011-06-01T00:00:00+02:00", WRONG_USE)


def _mapping(path: Path) -> Mapping:
    try:
        return load(path)
    except MappingError as error:
        fail(str(error), WRONG_USE)


async def _replay(
    log: Log, mapping: Mapping, until: datetime | None, addresses: tuple[str, str], data: Path, *, with_town: bool
) -> tuple[Report, Town | None]:
    """The report, and the town that was replayed when it is asked for: while the database is still there."""
    console = errors()
    with bars(console) as shown:
        said = await asyncio.to_thread(tell, log, mapping, until, now, shown)  # before anything starts
        async with _ground(addresses, data, console) as (settings, died):
            configure(settings)
            # aiokafka calls it an error when a group meets its coordinator for the first time; a failure that lasts is
            # told by the services' own checks.
            logging.getLogger("aiokafka").setLevel(logging.CRITICAL)
            report = await _unless_died(asyncio.create_task(run_replay(settings, log, mapping, said, shown)), died)
            own = namespace.inside(settings, log.name, settings.agreements)
            return report, await read_town(own, report.at, report.log) if with_town else None


async def _unless_died(work: asyncio.Task[Report], died: asyncio.Future[PartDied] | None) -> Report:
    """Wait for the work; when Kafka or PostgreSQL ends by itself, say so instead of waiting for them."""
    waiting: set[asyncio.Future[Any]] = {work, died} if died else {work}
    try:
        await asyncio.wait(waiting, return_when=asyncio.FIRST_COMPLETED)
        if died and died.done() and not work.done():
            raise died.result()
        return work.result()
    finally:
        work.cancel()
        await asyncio.gather(work, return_exceptions=True)


@asynccontextmanager
async def _ground(addresses: tuple[str, str], data: Path, console: Console) -> AsyncIterator[Ground]:
    """Kafka and PostgreSQL: those given, those that run on the data folder, or else started here for the replay."""
    if all(addresses):
        yield _settings(*addresses), None
        return
    from services.local.parts import Parts  # noqa: PLC0415 - an image of the services has no Java in it

    parts = Parts(data, 0, 0, lambda line: console.print(line, style="dim", markup=False))
    try:
        await parts.start()
    except FolderInUse:
        found = await asyncio.to_thread(read, data)
        if found is None:
            raise
        yield _settings(found.kafka, found.database), None
        return
    try:
        yield _settings(parts.kafka, parts.database), parts.died
    finally:
        await parts.stop()


def _settings(kafka: str, database: str) -> Settings:
    return runtime.load(kafka=kafka, database=SecretStr(database), log_level="error", log_format="console")
