"""How a command speaks: tables or JSON on standard output, progress and errors on standard error, one exit code."""

import json
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any, NoReturn

import typer
from rich import box
from rich.console import Console
from rich.table import Table
from rich.text import Text

from services.runtime.errors import KoikarperError

FAILED, WRONG_USE = 1, 2
"""Exit codes (contract 6); 0 is done."""
WIDTH_MAX = 400


def errors() -> Console:
    """The console of errors and progress."""
    return Console(stderr=True, highlight=False, soft_wrap=True)


def fail(message: str, code: int = FAILED) -> NoReturn:
    """Say on standard error why the command ends, and end it."""
    errors().print(message, style="bold red", markup=False)
    raise typer.Exit(code)


@contextmanager
def told() -> Iterator[None]:
    """Turn the errors that this software raises on purpose into one readable line; all others are faults."""
    try:
        yield
    except KoikarperError as error:
        fail(str(error))


def harmless(text: str, keep: str = "") -> str:
    """Text that others wrote, for a terminal: a control character could move its cursor or say what was never said."""
    return "".join(one if one.isprintable() or one in keep else "\N{REPLACEMENT CHARACTER}" for one in text)


def print_json(value: Any) -> None:
    """One line of JSON for programs."""
    typer.echo(json.dumps(value, ensure_ascii=False, default=str))


def print_table(
    title: str, columns: Sequence[str], rows: Sequence[Sequence[Any]], empty: str, fold: Mapping[str, int] | None = None
) -> None:
    """A table for people; `empty` is said when there is no row.

    It is as wide as it is: an id that is cut off cannot be used. `fold` gives columns a greatest width.
    """
    console = Console(highlight=False)
    if not rows:
        console.print(empty, markup=False)
        return
    table = Table(box=box.SIMPLE_HEAD, title=Text(title), title_justify="left")
    for name in columns:
        table.add_column(name, no_wrap=name not in (fold or {}), max_width=(fold or {}).get(name))
    for row in rows:
        table.add_row(*(Text("" if cell is None else str(cell)) for cell in row))
    needed = console.measure(table, options=console.options.update(max_width=WIDTH_MAX)).maximum
    console.width = max(console.width, needed)
    console.print(table)
