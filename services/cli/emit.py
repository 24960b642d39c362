"""What teams and anyone do from the shell: send a signal, get a token."""

import json as jsonlib
import sys
import uuid
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated, Any

import typer

from events.catalogue import signal_type
from events.envelope import STRUCTURED, encode, structured
from events.signals import KINDS
from services.cli.connection import DataOption, GatewayOption, TokenOption, connect, refusals_told
from services.cli.output import WRONG_USE, fail, print_json
from services.local import addresses, keys
from services.local.addresses import DEFAULT_FOLDER

JsonOption = Annotated[bool, typer.Option("--json", help="Print JSON for programs.")]
FieldsArgument = Annotated[list[str] | None, typer.Argument(help="Own fields of the kind, as name=value or name=JSON.")]


def register(app: typer.Typer) -> None:
    """Add the commands."""
    app.command()(emit)
    app.command()(token)


def emit(
    kind: Annotated[str, typer.Argument(help=f"One of {', '.join(KINDS)}.")],
    fields: FieldsArgument = None,
    team: Annotated[str, typer.Option(help="The code of the team that reports.")] = "",
    neighbourhood: Annotated[str, typer.Option(help="The CBS code of the neighbourhood.")] = "",
    title: Annotated[str, typer.Option(help="One line that says what is the matter.")] = "",
    data: Annotated[str, typer.Option(help="A JSON file with the signal's data, or - for standard input.")] = "",
    source: Annotated[str, typer.Option(envvar="KOIKARPER_SOURCE", help="Who says it; default: this machine's.")] = "",
    event_id: Annotated[str, typer.Option("--id", help="The event's id: a repeat with the same id counts once.")] = "",
    gateway: GatewayOption = "",
    token: TokenOption = "",
    folder: DataOption = DEFAULT_FOLDER,
    json: JsonOption = False,
) -> None:
    """Send a signal from the shell, as a neighbourhood team.

    Example: koikarper emit initiative-blocked --team noord --neighbourhood WK999901 --title "Koi in the pond"
    initiative="A pond with koi" blockedBy=permit
    """
    if kind not in KINDS:
        fail(f"There is no kind {kind!r}; there are {', '.join(KINDS)}.", WRONG_USE)
    given = {"team": team, "neighbourhood": neighbourhood, "title": title}
    body = _read_data(data) | _fields(fields or []) | {name: value for name, value in given.items() if value}
    found = addresses.read(folder)
    speaker = source or (found.source if found else "")
    if not speaker:
        fail("Say who speaks with --source, for no machine runs on this folder.", WRONG_USE)
    event = structured(
        id_=event_id or str(uuid.uuid4()), source=speaker, type_=signal_type(kind), time=datetime.now(UTC), data=body
    )
    with refusals_told(json), connect(gateway, token, folder, f"team:{body.get('team', '')}") as client:
        answer = client.post("/v1/events", content=encode(event), headers={"content-type": STRUCTURED})
    accepted = answer["accepted"][0]
    if json:
        print_json(accepted)
    else:
        typer.echo(f"Accepted: signal {accepted['signal']}")


def token(
    subject: Annotated[str, typer.Argument(help="team:CODE, department:CODE or operator.")],
    folder: DataOption = DEFAULT_FOLDER,
) -> None:
    """Print a token of this machine's own keys, for curl and for other tools."""
    try:
        typer.echo(keys.token(folder, subject))
    except FileNotFoundError:
        fail(f"{folder} holds no keys; start `koikarper local` once, or name its folder with --data.")
    except ValueError as error:
        fail(str(error), WRONG_USE)


def _read_data(name: str) -> dict[str, Any]:
    if not name:
        return {}
    try:
        body = jsonlib.loads(sys.stdin.read() if name == "-" else Path(name).read_text())
    except (OSError, ValueError) as error:
        fail(f"--data {name}: {error}", WRONG_USE)
    if not isinstance(body, dict):
        fail(f"--data {name}: the data must be a JSON object", WRONG_USE)
    return body


def _fields(pairs: list[str]) -> dict[str, Any]:
    body: dict[str, Any] = {}
    for pair in pairs:
        name, equals, text = pair.partition("=")
        if not equals or not name:
            fail(f"{pair!r} is no field; write name=value", WRONG_USE)
        try:
            body[name] = jsonlib.loads(text) if text[:1] in "[{" or text in {"true", "false"} else text
        except ValueError as error:
            fail(f"{name}: {error}", WRONG_USE)
    return body
