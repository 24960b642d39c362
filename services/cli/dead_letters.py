"""`koikarper dead-letters`: what the ledger could not read, and mending it."""

import asyncio
from typing import Annotated, Any

import typer
from sqlalchemy import Row

from events.faults import REASONS, Reason
from services.cli.connection import DataOption
from services.cli.inbox import short
from services.cli.letters import absent, as_json, as_shown, content, fate
from services.cli.output import FAILED, WRONG_USE, errors, fail, harmless, print_json, print_table, told
from services.cli.settling import DISCARD, RETRY, Act, Done, settle
from services.cli.upkeep import (
    ByOption,
    DatabaseOption,
    DryRunOption,
    JsonOption,
    ledger_of,
    moment_of,
    operator,
    settings_of,
)
from services.ledger import mending
from services.ledger.mending import Choice, Rows
from services.local.addresses import DEFAULT_FOLDER
from services.runtime.settings import Settings

app = typer.Typer(no_args_is_help=True)

MOST = 100
SAID_WIDTH_MAX = 60
COLUMNS = ("nr", "set apart", "first received on", "reason", "sender", "tries", "state", "what is wrong")
REASON_LENGTH_MAX = 1_000

NumbersArgument = Annotated[list[int] | None, typer.Argument(metavar="[NR]...", help="Numbers, as `list` shows them.")]
EveryOption = Annotated[bool, typer.Option("--all", help="All that are open, or those that the filters choose.")]
TopicOption = Annotated[str, typer.Option(metavar="TOPIC", help="Only those first received on this topic.")]
CodeOption = Annotated[
    Reason | None, typer.Option(metavar="CODE", help="Only those with this reason, as the alert names it.")
]
SinceOption = Annotated[
    str | None,
    typer.Option(metavar="MOMENT", help="Only those set apart since: 2026-12-31, or 2026-12-31T17:00:00+01:00."),
]


@app.command("list")
def list_letters(
    topic: TopicOption = "",
    code: CodeOption = None,
    since: SinceOption = None,
    every: Annotated[bool, typer.Option("--all", help="Also those that were retried or discarded.")] = False,
    most: Annotated[int, typer.Option(min=1, help="How many at most, oldest first.")] = MOST,
    database: DatabaseOption = "",
    folder: DataOption = DEFAULT_FOLDER,
    json: JsonOption = False,
) -> None:
    """What the ledger could not read and nobody has settled yet, oldest first."""
    choice = Choice(topic, code or "", moment_of(since, "--since"), only_open=not every)
    with told():
        rows, groups = asyncio.run(_listed(settings_of(database, folder), choice, most))
    total = sum(group.letters for group in groups)
    if json:
        by = [{"topic": group.topic, "reason": group.reason, "letters": group.letters} for group in groups]
        print_json({"total": total, "groups": by, "items": [as_json(row) for row in rows]})
        return
    print_table(
        "Dead letters" if every else "Open dead letters",
        COLUMNS,
        [_line(row) for row in rows],
        "No dead letter was ever made that is meant here." if every else "No dead letter is open.",
        {"what is wrong": SAID_WIDTH_MAX},
    )
    if rows:
        typer.echo(_summary(total, len(rows), groups))


@app.command()
def show(
    number: Annotated[int, typer.Argument(metavar="NR", help="The number, as `list` shows it.")],
    value: Annotated[
        bool, typer.Option("--value", help="Write the record's value, byte for byte, and no more.")
    ] = False,
    database: DatabaseOption = "",
    folder: DataOption = DEFAULT_FOLDER,
    json: JsonOption = False,
) -> None:
    """One dead letter: where it came from, what is wrong, its headers and its content.

    The content may hold personal data of residents: that may be the very reason why it is here.
    """
    with told():
        found = asyncio.run(_one(settings_of(database, folder), number))
    if found is None:
        fail(absent(number))
    row, others = found
    if value:
        if row.state != "open":
            fail(f"The bytes of {number} are not here any more: it was {fate(row)}.")
        typer.get_binary_stream("stdout").write(row.value or b"")
    elif json:
        print_json(as_json(row) | content(row) | {"sameRecord": [as_json(other) for other in others]})
    else:
        for line in as_shown(row, others):
            typer.echo(harmless(line, keep="\n\t"))


@app.command()
def retry(
    numbers: NumbersArgument = None,
    every: EveryOption = False,
    topic: TopicOption = "",
    code: CodeOption = None,
    since: SinceOption = None,
    reason: Annotated[str, typer.Option(metavar="TEXT", help="What was mended, for who looks back.")] = "",
    by: ByOption = "",
    dry_run: DryRunOption = False,
    database: DatabaseOption = "",
    folder: DataOption = DEFAULT_FOLDER,
    json: JsonOption = False,
) -> None:
    """Let the ledger read them again, byte for byte, as of the moment at which they were first received.

    First mend what was wrong: the agreements, or this software. What is still wrong then becomes a new dead letter.
    What a sender wrote wrongly only the sender can mend: by sending it again, corrected, with a new id.

    It is safe to say it again: what was taken in is never taken in twice. For dead letters of a department's own
    program, which are not here, see `koikarper redeliver`.
    """
    choice = _choice(numbers, every, topic, code, since)
    _settle(RETRY, numbers, choice, operator(by), reason, dry_run, settings_of(database, folder), json)


@app.command()
def discard(
    reason: Annotated[str, typer.Option(metavar="TEXT", help="Why it may be given up, in your own words.")],
    numbers: NumbersArgument = None,
    every: EveryOption = False,
    topic: TopicOption = "",
    code: CodeOption = None,
    since: SinceOption = None,
    by: ByOption = "",
    dry_run: DryRunOption = False,
    database: DatabaseOption = "",
    folder: DataOption = DEFAULT_FOLDER,
    json: JsonOption = False,
) -> None:
    """Give them up for good: their bytes are dropped, and only the account of who did it and why stays.

    Somebody said this, and will not be heard. Be sure that its sender knows.
    """
    if not reason.strip() or reason in REASONS:
        fail(
            "--reason wants your own words: why may it be given up? (--code chooses by a reason's code.)",
            WRONG_USE,
        )
    choice = _choice(numbers, every, topic, code, since)
    _settle(DISCARD, numbers, choice, operator(by), reason, dry_run, settings_of(database, folder), json)


def _choice(
    numbers: list[int] | None, every: bool, topic: str, code: Reason | None, since: str | None
) -> Choice | None:
    """The filters of `--all`; None when the letters are named. Ends the command when neither or both are meant."""
    filtered = bool(topic or code or since)
    if bool(numbers) == every:
        fail("Which ones? Give their numbers, or --all (with --topic, --code or --since for some of them).", WRONG_USE)
    if numbers and filtered:
        fail("The filters --topic, --code and --since belong to --all; these letters are named already.", WRONG_USE)
    return Choice(topic, code or "", moment_of(since, "--since")) if every else None


def _settle(
    act: Act,
    numbers: list[int] | None,
    choice: Choice | None,
    by: str,
    reason: str,
    dry_run: bool,
    settings: Settings,
    json: bool,
) -> None:
    with told():
        done = asyncio.run(settle(settings, act, numbers or choice or [], by, reason[:REASON_LENGTH_MAX], dry_run))
    if json:
        print_json(done.as_json(act))
    else:
        _say(act, done, dry_run)
    if done.failed:
        raise typer.Exit(FAILED)


def _say(act: Act, done: Done, dry_run: bool) -> None:
    for line in done.why.values():
        errors().print(line, markup=False)
    count = len(done.numbers)
    letters = f"{count} dead letter{'' if count == 1 else 's'}"
    typer.echo(f"{letters} would be {act.past}; nothing was done." if dry_run else f"{letters} {act.past}.")
    if act.verb == "retry" and count and not dry_run:
        typer.echo(
            "The ledger reads them again in a moment; what is still wrong stands in `koikarper dead-letters list`."
        )


def _summary(total: int, shown: int, groups: Rows) -> str:
    counts = "; ".join(f"{group.letters} of {group.reason} on {group.topic}" for group in groups)
    more = f", {total - shown} of them not shown (--most)" if total > shown else ""
    return harmless(
        f"{total} in all{more}: {counts}.\n"
        "`koikarper dead-letters show NR` shows one whole; after mending what was wrong `retry` it, or `discard` it.",
        keep="\n",
    )


def _line(row: Row[Any]) -> list[str]:
    place = f"{row.topic}/{row.partition}, offset {row.offset}"
    cells = [row.nr, short(row.at), place, row.reason, row.sender or "", row.attempts, row.state, row.message]
    return [harmless(str(cell)) for cell in cells]


async def _listed(settings: Settings, choice: Choice, most: int) -> tuple[Rows, Rows]:
    async with ledger_of(settings) as engine, engine.connect() as connection:
        return await mending.listed(connection, choice, most), await mending.counted(connection, choice)


async def _one(settings: Settings, number: int) -> tuple[Row[Any], Rows] | None:
    async with ledger_of(settings) as engine, engine.connect() as connection:
        return await mending.one(connection, number)
