"""`koikarper inbox`: what is open for a department, and what arrives for it."""

import asyncio
import contextlib
import signal
from datetime import datetime
from pathlib import Path
from typing import Annotated, Any

import typer

from events.moments import parse_moment, zulu
from services.cli.connection import DataOption, GatewayOption, TokenOption, connect
from services.cli.output import print_json, print_table, told
from services.department.client import Client
from services.department.inbox import OPEN, Inbox, as_json, item_of_row, sentence
from services.local import addresses
from services.local.addresses import DEFAULT_FOLDER
from services.runtime.errors import PermanentError
from services.runtime.settings import Settings, load

COLUMNS = ("id", "title", "kind", "state", "waiting since", "acknowledge by", "resolve by")
MOST = 100
TITLE_WIDTH_MAX = 40

DepartmentArgument = Annotated[str, typer.Argument(help="The code of the department.")]
AllOption = Annotated[bool, typer.Option("--all", help="Also what is resolved, handed over or closed.")]
OverdueOption = Annotated[bool, typer.Option("--overdue", help="Only what is past its date.")]
FollowOption = Annotated[bool, typer.Option("--follow", help="Then show what arrives on the department's topic.")]
MostOption = Annotated[int, typer.Option(min=1, help="How many at most, longest waiting first.")]
KafkaOption = Annotated[str, typer.Option(envvar="KOIKARPER_KAFKA", help="For --follow: the broker's host:port.")]
JsonOption = Annotated[bool, typer.Option("--json", help="Print JSON for programs, one value a line.")]


def inbox(
    department: DepartmentArgument,
    follow: FollowOption = False,
    every: AllOption = False,
    overdue: OverdueOption = False,
    most: MostOption = MOST,
    gateway: GatewayOption = "",
    token: TokenOption = "",
    kafka: KafkaOption = "",
    folder: DataOption = DEFAULT_FOLDER,
    json: JsonOption = False,
) -> None:
    """Show what is open for a department, longest waiting first; with --follow also what arrives, until Ctrl-C."""
    with told(), connect(gateway, token, folder, f"department:{department}") as client:
        if follow:
            asyncio.run(_follow(client, department, every, overdue, most, _settings(kafka, folder), json))
        else:
            _show(department, _rows(client, department, every, overdue, most), json)


def _settings(kafka: str, folder: Path) -> Settings:
    found = addresses.read(folder)
    address = kafka or (found.kafka if found else "")
    return load(kafka=address) if address else load()


def _rows(client: Client, department: str, every: bool, overdue: bool, most: int) -> list[dict[str, Any]]:
    """The gateway's rows, longest waiting first."""
    late = True if overdue else None
    states = (None,) if every else sorted(OPEN)
    rows = [row for state in states for row in client.assignments(department, most=most, state=state, overdue=late)]
    return sorted(rows, key=lambda row: (row["waitingSince"], row["id"]))[:most]


def _show(department: str, rows: list[dict[str, Any]], json: bool) -> None:
    if json:
        print_json({"department": department, "items": rows})
        return
    lines = [[row["id"], row["title"], row["kind"], row["state"], *_dates(row)] for row in rows]
    print_table(
        f"Inbox of {department}", COLUMNS, lines, f"Nothing is open for {department}.", {"title": TITLE_WIDTH_MAX}
    )


def _dates(row: dict[str, Any]) -> list[str]:
    return [short(parse_moment(row[name])) for name in ("waitingSince", "acknowledgeBy", "resolveBy")]


def short(moment: datetime) -> str:
    """A moment for people: in UTC, to the second."""
    return f"{zulu(moment)[:19]}Z"


async def _follow(
    client: Client, department: str, every: bool, overdue: bool, most: int, settings: Settings, json: bool
) -> None:
    """Stand at the topic's end first and then ask for the table: so nothing that arrives in between is missed."""
    from services.department.following import Following  # noqa: PLC0415 - the Kafka client takes a second to import

    task = asyncio.current_task()
    for number in (signal.SIGINT, signal.SIGTERM):
        asyncio.get_running_loop().add_signal_handler(number, task.cancel if task else lambda: None)
    with contextlib.suppress(asyncio.CancelledError):
        async with Following(settings, department) as arrivals:
            rows = await asyncio.to_thread(_rows, client, department, every, overdue, most)
            _show(department, rows, json)
            known = Inbox.of(department, (item_of_row(row) for row in rows))
            async for heard in arrivals:
                if isinstance(heard, PermanentError):
                    typer.echo(f"A record that cannot be read: {heard}", err=True)
                    continue
                if json:
                    print_json(as_json(heard))
                else:
                    typer.echo(f"{short(heard.at)} {sentence(heard, known)}")
                known = known.take(heard)
