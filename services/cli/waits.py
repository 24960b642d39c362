"""`koikarper waits`: who waits how long, as a table with bars, as JSON, or as a page for a council."""

import asyncio
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
from pydantic import SecretStr
from rich.console import Console

from events.moments import parse_moment
from services.cli.connection import DataOption, GatewayOption, TokenOption, connect, refusals_told
from services.cli.output import WRONG_USE, fail, print_json, told
from services.cli.wait_table import print_waits
from services.department.client import Client
from services.local import addresses
from services.local.addresses import DEFAULT_FOLDER
from services.local.folder import write_whole
from services.runtime import settings as runtime
from services.runtime.clock import now
from services.runtime.settings import Settings

if TYPE_CHECKING:
    from services.report.town import Town

JsonOption = Annotated[bool, typer.Option("--json", help="Print JSON for programs.")]
HtmlOption = Annotated[
    Path | None,
    typer.Option(help="Write a page with drawings into this file (it is replaced), in Dutch, for a council."),
]
DatabaseOption = Annotated[
    str, typer.Option(envvar="KOIKARPER_DATABASE", help="With --html: the ledger's URL; default: this machine's.")
]
READABLE = 0o644
"""The page is for others to read."""
ASKED_MAX = 60
"""Of how many groups the oldest request is looked up, to compare its wait with its promise."""


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command()(waits)


def waits(
    gateway: GatewayOption = "",
    token: TokenOption = "",
    folder: DataOption = DEFAULT_FOLDER,
    database: DatabaseOption = "",
    html: HtmlOption = None,
    json: JsonOption = False,
) -> None:
    """Show who waits how long, per department, kind and stage; or write it as a page with --html FILE."""
    if html is not None:
        if json:
            fail("Choose --json or --html: the page is for people.", WRONG_USE)
        with told():
            write_page(html, asyncio.run(_town(_settings(database, folder))))
        return
    with refusals_told(json), connect(gateway, token, folder, "operator") as client:
        items = client.pages("/v1/waits")
        promised = {} if json else _promised(client, items)
    if json:
        print_json({"items": items})
        return
    print_waits(items, promised, now())


def write_page(file: Path, town: "Town", console: Console | None = None) -> None:
    """Write the page whole or not at all, and say so; ends the command when the file cannot be written."""
    from services.report.page import page  # noqa: PLC0415 - what draws takes a second to import, only this needs it

    text = page(town)
    try:
        write_whole(file, text, READABLE)
    except OSError as error:
        fail(f"{file} cannot be written: {error.strerror}")
    said = f"Written: {file} ({len(text.encode()) // 1000 + 1} kB). It opens in any browser, and can be mailed."
    (console or Console(highlight=False)).print(said, markup=False, soft_wrap=True)


async def _town(settings: Settings) -> "Town":
    from services.report.reading import read  # noqa: PLC0415 - only the page needs the database

    return await read(settings, now())


def _settings(database: str, folder: Path) -> Settings:
    found = addresses.read(folder)
    url = database or (found.database if found else "")
    if not url:
        fail(
            f"No machine runs on {folder}. Name its folder with --data-folder, or the ledger with --database.",
            WRONG_USE,
        )
    return runtime.load(database=SecretStr(url))


def _promised(client: Client, items: list[dict[str, Any]]) -> dict[tuple[str, str, str], float]:
    """How many seconds were promised to the longest waiting of each department, kind and stage; of so many groups."""
    groups = dict.fromkeys((item["department"], item["kind"]) for item in items if item["open"])
    found: dict[tuple[str, str, str], float] = {}
    for department, kind in list(groups)[:ASKED_MAX]:
        waiting, known = (
            client.pages("/v1/assignments", most=1, limit=1, department=department, kind=kind, state=state)
            for state in ("waiting", "acknowledged")
        )
        if waiting:
            found[department, kind, "acknowledge"] = _span(waiting[0], "acknowledgeBy")
        if waiting or known:
            oldest = min([*waiting, *known], key=lambda one: parse_moment(one["waitingSince"]))
            found[department, kind, "resolve"] = _span(oldest, "resolveFirst")
    return found


def _span(assignment: dict[str, Any], until: str) -> float:
    return (parse_moment(assignment[until]) - parse_moment(assignment["waitingSince"])).total_seconds()
