"""`koikarper redeliver`: departments that lost or could not handle their assignments get them again."""

import asyncio
from collections.abc import Sequence
from typing import Annotated
from uuid import UUID

import typer
from sqlalchemy.ext.asyncio import AsyncEngine

from services.cli.connection import DataOption
from services.cli.output import WRONG_USE, fail, print_json, print_table, told
from services.cli.upkeep import (
    ByOption,
    DatabaseOption,
    DryRunOption,
    JsonOption,
    Step,
    ledger_of,
    log_act,
    operator,
    progress,
    settings_of,
)
from services.ledger import redelivery
from services.local.addresses import DEFAULT_FOLDER
from services.runtime.settings import Settings

DepartmentsArgument = Annotated[
    list[str] | None, typer.Argument(metavar="[DEPARTMENT]...", help="Only these departments, by code; default: all.")
]


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command()(redeliver)


def redeliver(
    departments: DepartmentsArgument = None,
    by: ByOption = "",
    dry_run: DryRunOption = False,
    database: DatabaseOption = "",
    folder: DataOption = DEFAULT_FOLDER,
    json: JsonOption = False,
) -> None:
    """Publish every open assignment to its department again, byte for byte, with the same event ids.

    For a department that lost its own administration, or whose program failed on them. It is safe at any time.

    A department drops what it took in before.

    What happened since (an extension, a contest) is not told again; it stands in `koikarper inbox DEPARTMENT`.
    """
    only = sorted(set(departments or []))
    with told():
        counts = asyncio.run(_redeliver(settings_of(database, folder), only, operator(by), dry_run))
    total = sum(counts.values())
    if json:
        print_json({"dryRun": dry_run, "assignments": total, "departments": counts})
        return
    print_table("Open assignments", ("department", "open"), [*counts.items()], "Nothing is open.")
    if not total:
        return
    typer.echo(
        f"{total} would be published again; nothing was done."
        if dry_run
        else f"{total} handed to the relay, which publishes them in a moment."
    )


async def _redeliver(settings: Settings, only: Sequence[str], by: str, dry_run: bool) -> dict[str, int]:
    async with ledger_of(settings) as engine:
        async with engine.connect() as connection:
            unknown = sorted(set(only) - await redelivery.departments(connection)) if only else []
            if unknown:
                fail(f"The ledger knows no department {', '.join(unknown)}.", WRONG_USE)
            counts = {row.department: row.open for row in await redelivery.count(connection, only)}
        if not dry_run:
            with progress("Assignments", sum(counts.values())) as step:
                done = await _publish(engine, only, step)
            of = f" of {', '.join(only)}" if only else ""
            log_act("redeliver", f"open assignments{of}", by, assignments=done)
    return counts


async def _publish(engine: AsyncEngine, only: Sequence[str], step: Step) -> int:
    sources: dict[str, str] = {}
    after: UUID | None = redelivery.FIRST
    done = 0
    while after is not None:
        async with engine.begin() as connection:
            after, count = await redelivery.redeliver(connection, sources, after, only)
        done += count
        step(count)
    return done
