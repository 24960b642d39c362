"""How far a replay is, for people: one bar for each of its ways."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Literal

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TaskID, TextColumn, TimeElapsedColumn

Way = Literal["Reading the log", "Sending", "Ledger", "Moments that pass", "Relay and departments"]
WAYS: tuple[Way, ...] = ("Reading the log", "Sending", "Ledger", "Moments that pass", "Relay and departments")


class Bars:
    """The bars; a total that is not yet known is shown as movement."""

    def __init__(self, progress: Progress) -> None:
        self._progress = progress
        self._tasks: dict[Way, TaskID] = {way: progress.add_task(way, total=None, start=False) for way in WAYS}

    def show(self, way: Way, done: int, total: int) -> None:
        """So much of a way is done."""
        task = self._tasks[way]
        self._progress.start_task(task)
        self._progress.update(task, completed=done, total=total)


@contextmanager
def bars(console: Console) -> Iterator[Bars]:
    """Show the bars on the console while the replay runs; nothing moves where the console is no terminal."""
    columns = (TextColumn("{task.description:<22}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
    with Progress(*columns, console=console, disable=not console.is_terminal) as progress:
        yield Bars(progress)
