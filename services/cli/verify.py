"""`koikarper verify`: whether the record is still as it was written."""

import asyncio
import json as json_
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any

import typer

from services.cli.connection import DataOption
from services.cli.output import FAILED, WRONG_USE, errors, fail, print_json, told
from services.cli.upkeep import DatabaseOption, JsonOption, ledger_of, patient, progress, settings_of
from services.ledger import verifying
from services.ledger.verifying import Head, Place, Verified
from services.local.addresses import DEFAULT_FOLDER
from services.runtime.settings import Settings

EarlierOption = Annotated[
    Path | None,
    typer.Option(
        metavar="FILE",
        help="What `koikarper verify --json` printed before: those seals must still be there.",
        exists=True,
        dir_okay=False,
    ),
]


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command()(verify)


def verify(
    earlier: EarlierOption = None,
    database: DatabaseOption = "",
    folder: DataOption = DEFAULT_FOLDER,
    json: JsonOption = False,
) -> None:
    """Walk the record from the first seal to the last, and say where it was changed.

    Each batch of events is sealed over the seal before it, so an event that was changed, removed, added or moved shows.

    Keep what `--json` prints where nobody who can write the database can write, and give it the next time with
    `--earlier`: then not even someone who makes every seal anew stays unseen.

    The exit code is 1 when something was changed.
    """
    noted = _noted(earlier) if earlier else {}
    with told():
        verified = asyncio.run(_verify(settings_of(database, folder), noted))
    if json:
        print_json(_as_json(verified))
    else:
        _tell(verified)
    if verified.broken:
        raise typer.Exit(FAILED)


async def _verify(settings: Settings, earlier: Mapping[Place, Head]) -> Verified:
    async with ledger_of(patient(settings)) as engine, engine.connect() as pooled:
        connection = await pooled.execution_options(isolation_level="REPEATABLE READ", postgresql_readonly=True)
        first, last = await verifying.span(connection)
        with progress("Seals", last - first) as step:
            return await verifying.verify(connection, earlier, step)


def _noted(file: Path) -> dict[Place, Head]:
    try:
        heads = json_.loads(file.read_text("utf-8"))["heads"]
        return {(one["topic"], int(one["partition"])): Head(one["seal"], bytes.fromhex(one["hash"])) for one in heads}
    except (OSError, ValueError, TypeError, KeyError) as error:
        fail(f"{file} is not what `koikarper verify --json` prints: {error!r}", WRONG_USE)


def _as_json(verified: Verified) -> dict[str, Any]:
    heads = [
        {"topic": topic, "partition": partition, "seal": head.seal, "hash": head.hash.hex()}
        for (topic, partition), head in sorted(verified.heads.items())
    ]
    breaks = [
        {"topic": one.topic, "partition": one.partition, "seal": one.seal, "what": one.what} for one in verified.breaks
    ]
    return {
        "events": verified.rows,
        "seals": verified.seals,
        "broken": verified.broken,
        "breaks": breaks,
        "heads": heads,
    }


def _tell(verified: Verified) -> None:
    if not verified.broken:
        typer.echo(f"The record is as it was written: {verified.rows} events under {verified.seals} seals.")
        return
    first, *more = verified.breaks
    console = errors()
    console.print(
        f"The record was changed. The first broken link: seal {first.seal} of {first.topic}/{first.partition}: "
        f"{first.what}.",
        style="bold red",
        markup=False,
    )
    for one in more:
        console.print(f"  seal {one.seal} of {one.topic}/{one.partition}: {one.what}", markup=False)
    if verified.broken > len(verified.breaks):
        console.print(f"  and {verified.broken - len(verified.breaks)} more")
    console.print("deploy/runbook.md says what to do: section `The record was changed`.", markup=False)
