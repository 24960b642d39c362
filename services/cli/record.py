"""`koikarper export record`, `koikarper import record`: the record as a file of CloudEvents, and a ledger from one."""

import asyncio
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Annotated

import typer

from services.cli.connection import DataOption
from services.cli.output import errors, fail, print_json, told
from services.cli.upkeep import (
    ByOption,
    DatabaseOption,
    DryRunOption,
    JsonOption,
    ledger_of,
    log_act,
    operator,
    patient,
    progress,
    settings_of,
)
from services.ledger import exporting, importing
from services.ledger.folding import Result
from services.ledger.importing import Content
from services.local.addresses import DEFAULT_FOLDER
from services.runtime.clock import now
from services.runtime.settings import Settings

app = typer.Typer(no_args_is_help=True)
STDOUT = Path("-")

ToArgument = Annotated[Path, typer.Argument(metavar="FILE|-", help="The file to write; - is standard output.")]
FromArgument = Annotated[
    Path, typer.Argument(metavar="FILE", help="What `koikarper export record` wrote.", exists=True, dir_okay=False)
]
NewKafkaOption = Annotated[
    bool,
    typer.Option(
        "--new-kafka",
        help="The topics of the old Kafka are gone: read those of the new one from their beginning.",
    ),
]


def export_record(
    file: ToArgument, by: ByOption = "", database: DatabaseOption = "", folder: DataOption = DEFAULT_FOLDER
) -> None:
    """Write the record, each event as it was sent, as CloudEvents in lines of JSON; at any time.

    It holds all that people wrote: the file is for its owner's eyes only. What could not be read (dead letters), and
    what waits to be published, is no part of the record.
    """
    with told(), _written(file) as stream:
        counts = asyncio.run(_export(settings_of(database, folder), stream, operator(by), str(file)))
    errors().print(f"{counts['events']} events under {counts['seals']} seals are written to {file}.", markup=False)
    if counts["untold"]:
        errors().print(f"{counts['untold']} words wait to be published, and are not in it.", markup=False)


async def _export(settings: Settings, stream: IO[bytes], by: str, what: str) -> dict[str, int]:
    async with ledger_of(patient(settings)) as engine, engine.connect() as pooled:
        connection = await pooled.execution_options(isolation_level="REPEATABLE READ", postgresql_readonly=True)
        counts = await exporting.counts(connection)
        with progress("Events", counts["events"]) as step:
            async for line in exporting.export(connection, now(), step):
                stream.write(line)
    log_act("export record", what, by, events=counts["events"])
    return counts


@app.command("record")
def import_record(
    file: FromArgument,
    new_kafka: NewKafkaOption = False,
    by: ByOption = "",
    dry_run: DryRunOption = False,
    database: DatabaseOption = "",
    folder: DataOption = DEFAULT_FOLDER,
    json: JsonOption = False,
) -> None:
    """Make an empty ledger that of a record: its events, its seals, and the state that follows from them.

    Do so after `koikarper migrate` and before any service runs. All of it is written, or nothing.

    `koikarper redeliver` then tells every department what is open, for what was still to be published is not known.
    """
    with told():
        with file.open("rb") as lines:
            content = importing.look(lines)
        result = None if dry_run else asyncio.run(_import(settings_of(database, folder), file, content, new_kafka, by))
    if json:
        print_json(_as_json(content, result))
        return
    what = f"{content.events} events under {content.seals} seals, {content.agreements} versions of the agreements"
    if result is None:
        typer.echo(f"{file} is whole: {what}. Nothing was done.")
    else:
        typer.echo(f"Imported: {what}; {result.signals} signals and {result.assignments} assignments follow from them.")


async def _import(settings: Settings, file: Path, content: Content, new_kafka: bool, by: str) -> Result:
    async with ledger_of(patient(settings)) as engine, engine.begin() as connection:
        with progress("Events", content.events) as step, file.open("rb") as lines:
            result = await importing.bring_in(connection, lines, content, new_kafka=new_kafka, progress=step)
    log_act("import record", str(file), operator(by), events=result.events)
    return result


def _as_json(content: Content, result: Result | None) -> dict[str, object]:
    found = {"events": content.events, "seals": content.seals, "agreements": content.agreements}
    if result is None:
        return {"dryRun": True, **found}
    return {"dryRun": False, **found, "signals": result.signals, "assignments": result.assignments}


@contextmanager
def _written(file: Path) -> Iterator[IO[bytes]]:
    """The stream of a file that is there whole or not at all, for its owner only; or standard output."""
    if file == STDOUT:
        yield sys.stdout.buffer
        return
    draft = file.with_name(f"{file.name}.new")
    try:
        with os.fdopen(os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "wb") as stream:
            yield stream
            stream.flush()
            os.fsync(stream.fileno())
        draft.replace(file)
    except OSError as error:
        fail(f"{file} cannot be written: {error.strerror}")
    finally:
        draft.unlink(missing_ok=True)
