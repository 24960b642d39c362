"""`koikarper rebuild`: whether the ledger's state is what follows from its record, and made so where it is not."""

import asyncio
from typing import Annotated, Any

import typer
from sqlalchemy.ext.asyncio import AsyncEngine

from services.cli.connection import DataOption
from services.cli.output import FAILED, errors, fail, harmless, print_json, print_table, told
from services.cli.upkeep import (
    ByOption,
    DatabaseOption,
    JsonOption,
    ledger_of,
    log_act,
    operator,
    patient,
    progress,
    settings_of,
)
from services.ledger import folding
from services.ledger.differing import Difference, as_json
from services.ledger.rebuilding import Rebuilt, connected, rebuild
from services.local.addresses import DEFAULT_FOLDER
from services.runtime.clock import now
from services.runtime.settings import Settings

_LOOKS, _BETWEEN_LOOKS_SECONDS = 8, 0.25
"""How often, and how long apart, it is looked for sessions of services that write, before a swap is refused."""
SHOWN_MAX, WIDTH_MAX = 20, 60
"""Differences in the table, and characters of a value in it; `--json` has the first thousand, whole."""

SwapOption = Annotated[
    bool, typer.Option("--swap", help="Put what was folded in the place of what differs; without it nothing is done.")
]
WhileRunningOption = Annotated[
    bool,
    typer.Option(
        "--while-running",
        help="Swap though ledger, timekeeper or relay run: they wait until it is done, and go on with the new tables.",
    ),
]


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command("rebuild")(rebuild_state)


def rebuild_state(
    swap: SwapOption = False,
    while_running: WhileRunningOption = False,
    by: ByOption = "",
    database: DatabaseOption = "",
    folder: DataOption = DEFAULT_FOLDER,
    json: JsonOption = False,
) -> None:
    """Fold signals, assignments and counters again from the record, and compare them with the live ones row by row.

    It says what differs and does nothing; that can be done at any time. The exit code is 1 when something differs.

    With `--swap` the folded tables take the place of the live ones, in one transaction, and the old ones are kept in
    a schema with the date in its name. What waits to be published stays and is published.
    """
    with told():
        rebuilt = asyncio.run(_rebuild(settings_of(database, folder), swap, while_running, operator(by)))
    result = rebuilt.result
    if json:
        print_json(_as_json(rebuilt))
    else:
        _tell(rebuilt)
    if result.differences.total if not rebuilt.aside else _others(rebuilt):
        raise typer.Exit(FAILED)


async def _rebuild(settings: Settings, swap: bool, while_running: bool, by: str) -> Rebuilt:
    async with ledger_of(patient(settings)) as engine:
        async with engine.connect() as connection:
            events = await folding.events_of(connection)
        running = await _still_connected(engine) if swap and not while_running else {}
        if running:
            fail(
                f"{', '.join(running)} connected to this database. Stop ledger, timekeeper and relay first, or say "
                "--while-running: they then wait until it is done. Nothing was done."
            )
        with progress("Events", events) as step:
            if not swap:
                return Rebuilt(await folding.compare(engine, step))
            rebuilt = await rebuild(engine, settings.database_schema, now(), step)
        if rebuilt.aside:
            differences = rebuilt.result.differences.total
            log_act("rebuild", settings.database_schema, by, aside=rebuilt.aside, differences=differences)
        return rebuilt


async def _still_connected(engine: AsyncEngine) -> dict[str, int]:
    """Who writes here; a service that was just stopped gets the time that PostgreSQL needs to end its session."""
    for _ in range(_LOOKS):
        if not (running := await connected(engine)):
            break
        await asyncio.sleep(_BETWEEN_LOOKS_SECONDS)
    return running


def _others(rebuilt: Rebuilt) -> int:
    """How many differences are in what cannot be folded: the record, the identities, the outbox."""
    by_table = rebuilt.result.differences.by_table
    return by_table.total() - sum(by_table[table] for table in folding.TABLES)


def _as_json(rebuilt: Rebuilt) -> dict[str, Any]:
    result = rebuilt.result
    return {
        "events": result.events,
        "signals": result.signals,
        "assignments": result.assignments,
        "differences": result.differences.total,
        "swapped": bool(rebuilt.aside),
        "aside": rebuilt.aside,
        "first": list(as_json(result.differences.kept)),
    }


def _tell(rebuilt: Rebuilt) -> None:
    result, found = rebuilt.result, rebuilt.result.differences
    folded = f"{result.signals} signals and {result.assignments} assignments follow from {result.events} events"
    if not found.total:
        typer.echo(f"The live tables are what the record says: {folded}.")
        return
    rows = [_row(one) for one in found.kept[:SHOWN_MAX]]
    print_table("Differences", ("table", "key", "field", "live", "folded"), rows, "")
    if found.total > len(rows):
        typer.echo(f"… and {found.total - len(rows)} more (--json).")
    typer.echo(f"{found.total} differences; {folded}.")
    if rebuilt.aside:
        typer.echo(
            f"Swapped. The old tables are kept in the schema {rebuilt.aside}; drop it when nobody asks any more."
        )
        if _others(rebuilt):
            errors().print("What differs in other tables is as it was: it cannot be folded.", style="bold red")
    else:
        typer.echo("Nothing was done. deploy/runbook.md says what to do: section `Rebuild`.")


def _row(one: Difference) -> tuple[str, ...]:
    cells = (one.table, one.key, one.field, _cell(one.live), _cell(one.folded))
    return tuple(harmless(cell) for cell in cells)


def _cell(value: Any) -> str:
    cell = "none" if value is None else str(value)
    return cell if len(cell) <= WIDTH_MAX else f"{cell[: WIDTH_MAX - 1]}…"
