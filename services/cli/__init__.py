"""The command line: every command of contract 6 in one program."""

import sys
from io import TextIOWrapper

import typer

from services.cli import (
    answers,
    backup,
    dead_letters,
    emit,
    export,
    local,
    operate,
    rebuild,
    record,
    redeliver,
    replay,
    secrets,
    verify,
    waits,
)

COMMANDS = (local, emit, answers, backup, operate, rebuild, redeliver, replay, secrets, verify, waits)


def build() -> typer.Typer:
    """The whole program."""
    app = typer.Typer(
        name="koikarper",
        help="Makes the system sensitive to what happens in neighbourhoods: signals, assignments, and who waits.",
        no_args_is_help=True,
        pretty_exceptions_enable=False,
        context_settings={"help_option_names": ["-h", "--help"]},
    )
    for module in COMMANDS:
        module.register(app)
    app.add_typer(
        dead_letters.app, name="dead-letters", help="What the ledger could not read: look at it, and mend it."
    )
    app.add_typer(export.app, name="export", help="Write what is generated from the code, or the record.")
    app.add_typer(record.app, name="import", help="Make a ledger from what was exported.")
    return app


def main() -> None:
    """The program's entry: exit codes are 0 done, 1 failed, 2 wrong use."""
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, TextIOWrapper):  # people write signs that an old terminal does not know
            stream.reconfigure(errors="backslashreplace")
    build()()
