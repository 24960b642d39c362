"""`koikarper acknowledge|hand-over|extend|resolve`: a department answers by hand, through the gateway."""

import uuid
from datetime import datetime, time
from pathlib import Path
from typing import Annotated, Any
from uuid import UUID

import typer

from events.answers import Outcome
from events.moments import AMSTERDAM, parse_moment, zulu
from services.cli.connection import DataOption, GatewayOption, TokenOption, connect, refusals_told
from services.cli.inbox import inbox
from services.cli.output import WRONG_USE, fail, print_json
from services.local.addresses import DEFAULT_FOLDER

WAIT_SECONDS = 5
"""How long the gateway may wait for the ledger, so that the inbox is up to date when the command returns."""

IdArgument = Annotated[UUID, typer.Argument(metavar="ID", help="The assignment's id, as the inbox shows it.")]
ByOption = Annotated[str, typer.Option(help="The role that answers; never a name.")]
KeyOption = Annotated[str, typer.Option(help="Says what is a repeat: the same key and words count once.")]
ReasonOption = Annotated[str, typer.Option(help="Why; the team reads it.")]
JsonOption = Annotated[bool, typer.Option("--json", help="Print JSON for programs, also of a refusal.")]
OutcomeOption = Annotated[Outcome, typer.Option(help="How it ended.")]
FeatureOption = Annotated[
    list[str] | None, typer.Option(help="A short word that makes this case like or unlike another; can be repeated.")
]


def register(app: typer.Typer) -> None:
    """Add the commands."""
    app.command()(inbox)
    app.command()(acknowledge)
    app.command("hand-over")(hand_over)
    app.command()(extend)
    app.command()(resolve)


def acknowledge(
    id_: IdArgument,
    by: ByOption = "medewerker",
    contact_role: Annotated[str, typer.Option(help="Whom the team can call, by role; default: --by.")] = "",
    contact_reach: Annotated[
        str, typer.Option(envvar="KOIKARPER_REACH", help="How to reach them; default: the department itself.")
    ] = "",
    note: Annotated[str, typer.Option(help="A word to the team.")] = "",
    key: KeyOption = "",
    gateway: GatewayOption = "",
    token: TokenOption = "",
    folder: DataOption = DEFAULT_FOLDER,
    json: JsonOption = False,
) -> None:
    """Say: this is ours, we have read it, and this person can be called."""
    with refusals_told(json):
        department = _department(id_, gateway, token, folder)
        reach = contact_reach or f"afdeling {department}"
        data = {"by": by, "contact": {"role": contact_role or by, "reach": reach}} | ({"note": note} if note else {})
        with connect(gateway, token, folder, f"department:{department}") as client:
            answered = client.answer(id_, "acknowledge", data, key=key or _new_key(), wait_seconds=WAIT_SECONDS)
        _tell(f"Acknowledged, by {by} of {department}", answered, json)


def hand_over(
    id_: IdArgument,
    to: Annotated[str, typer.Option(help="The code of the department whose it is.")],
    reason: ReasonOption,
    by: ByOption = "medewerker",
    key: KeyOption = "",
    gateway: GatewayOption = "",
    token: TokenOption = "",
    folder: DataOption = DEFAULT_FOLDER,
    json: JsonOption = False,
) -> None:
    """Say: this is not ours but another department's. The clock runs on."""
    with refusals_told(json):
        department = _department(id_, gateway, token, folder)
        data = {"by": by, "to": to, "reason": reason}
        with connect(gateway, token, folder, f"department:{department}") as client:
            answered = client.answer(id_, "hand-over", data, key=key or _new_key(), wait_seconds=WAIT_SECONDS)
        _tell(f"Handed over from {department} to {to}", answered, json)


def extend(
    id_: IdArgument,
    until: Annotated[
        str, typer.Option(help="The new date: 2026-12-31 (the end of that day), or with time and offset.")
    ],
    reason: ReasonOption,
    by: ByOption = "medewerker",
    key: KeyOption = "",
    gateway: GatewayOption = "",
    token: TokenOption = "",
    folder: DataOption = DEFAULT_FOLDER,
    json: JsonOption = False,
) -> None:
    """Name a new date, with a reason that the team is told. The first date stays on record."""
    moment = zulu(_moment(until))
    with refusals_told(json):
        department = _department(id_, gateway, token, folder)
        data = {"by": by, "until": moment, "reason": reason}
        with connect(gateway, token, folder, f"department:{department}") as client:
            answered = client.answer(id_, "extend", data, key=key or _new_key(), wait_seconds=WAIT_SECONDS)
        _tell(f"Extended until {moment}", answered, json)


def resolve(
    id_: IdArgument,
    explanation: Annotated[str, typer.Option(help="What was done, or why not; the team reads it.")],
    outcome: OutcomeOption = "solved",
    by: ByOption = "medewerker",
    rule_code: Annotated[str, typer.Option(help="Custom solution: the rule that was departed from.")] = "",
    rule_title: Annotated[str, typer.Option(help="Custom solution: that rule's title.")] = "",
    rule_owner: Annotated[str, typer.Option(help="Custom solution: the code of that rule's department.")] = "",
    justification: Annotated[str, typer.Option(help="Custom solution: why, for everybody to read.")] = "",
    feature: FeatureOption = None,
    key: KeyOption = "",
    gateway: GatewayOption = "",
    token: TokenOption = "",
    folder: DataOption = DEFAULT_FOLDER,
    json: JsonOption = False,
) -> None:
    """Say: it is done, and how. Without an acknowledgement before, this acknowledges too."""
    rule = {"code": rule_code, "title": rule_title, "owner": rule_owner}
    solution = _custom_solution(rule, justification, feature or [])
    with refusals_told(json):
        department = _department(id_, gateway, token, folder)
        data = {"by": by, "outcome": outcome, "explanation": explanation} | solution
        with connect(gateway, token, folder, f"department:{department}") as client:
            answered = client.answer(id_, "resolve", data, key=key or _new_key(), wait_seconds=WAIT_SECONDS)
        _tell(f"Resolved as {outcome}, by {by} of {department}", answered, json)


def _department(id_: UUID, gateway: str, token: str, folder: Path) -> str:
    """Whose assignment it is: asked with the caller's own token, or as this machine's operator."""
    with connect(gateway, token, folder, "operator") as client:
        return str(client.assignment(id_)["department"])


def _tell(what: str, answered: dict[str, Any], json: bool) -> None:
    event = answered["accepted"][0]
    if json:
        print_json(answered)
        return
    recorded = "the ledger has it" if answered.get("recorded") else "the ledger records it as soon as it can"
    typer.echo(f"{what}: event {event['id']}; {recorded}.")


def _moment(text: str) -> datetime:
    try:
        return parse_moment(text)
    except ValueError:
        pass
    try:
        day = datetime.strptime(text, "%Y-%m-%d")  # noqa: DTZ007 - a day; the next line says where
    except ValueError:
        fail(f"--until {text!r} is no date, as in 2026-12-31 or 2026-12-31T17:00:00+01:00.", WRONG_USE)
    return datetime.combine(day, time(23, 59, 59), AMSTERDAM)


def _custom_solution(rule: dict[str, str], justification: str, features: list[str]) -> dict[str, Any]:
    if not (any(rule.values()) or justification or features):
        return {}
    given = {"--rule-code": rule["code"], "--justification": justification, "--feature": features}
    if missing := [name for name, value in given.items() if not value]:
        fail(f"A custom solution also needs {', '.join(missing)}.", WRONG_USE)
    named = {name: value for name, value in rule.items() if value}
    return {"customSolution": {"rule": named, "justification": justification, "features": features}}


def _new_key() -> str:
    return str(uuid.uuid4())
