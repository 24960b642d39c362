"""The table of waits in a terminal: a line for each stage, with bars that need neither colour nor a wide window."""

from collections.abc import Mapping
from datetime import datetime
from itertools import groupby
from typing import Any

from rich.console import Console
from rich.text import Text

from events.moments import AMSTERDAM, parse_moment

WIDE = 112
"""From so many columns on the bars are longer, and the share on time has one too."""
Promised = Mapping[tuple[str, str, str], float]
"""Seconds promised to the oldest of a department, kind and stage."""
_BLOCKS, _PLAIN = ("■", "▲", "·", "┊", "▶"), ("=", "#", ".", "|", ">")
"""Within the promise, beyond it, not yet, where the promise ends, and beyond the bar."""


def print_waits(items: list[dict[str, Any]], promised: Promised, now: datetime, console: Console | None = None) -> None:
    """Print the table of contract 3 for people, as wide as the console allows."""
    console = console or Console(highlight=False)
    if not items:
        console.print("Nothing waits and nothing was answered yet.", markup=False)
        return
    signs = _BLOCKS if console.encoding.startswith("utf") else _PLAIN
    wide = console.width >= WIDE
    bar = 20 if wide else 8
    _print(console, "Who waits how long", "bold")
    _print(console, _heading(bar), "dim")
    for group, rows in groupby(items, key=lambda item: (item["department"], item["kind"])):
        lines = list(rows)
        _print(console, f"{', '.join(group)}{_happened(lines)}", "bold")
        for item in lines:
            told = line(item, promised.get((*group, item["stage"])), now, bar, wide, signs)
            console.print(told, soft_wrap=True)
    inside, beyond, _, end, over = signs
    key = f"Bars: the oldest against its promise ({end}): {inside} within, {beyond} beyond, {over} twice and more"
    _print(console, key, "dim")


def _heading(bar: int) -> str:
    counts = f"{'':<13}{'open':>4} {'late':>4} {'oldest':>7} {'':<{bar + 1}}"
    return f"{counts} {'median':>7} {'p90':>7} {'met':>5} {'missed':>6} {'on time':>7}"


def line(
    item: dict[str, Any], promised: float | None, now: datetime, bar: int, wide: bool, signs: tuple[str, ...]
) -> Text:
    """One stage of one department and kind."""
    age = max(0.0, (now - parse_moment(item["oldest"])).total_seconds()) if item["oldest"] else None
    share = item["shareOnTime"]
    text = Text(f"  {item['stage']:<11}{item['open']:>4} ")
    text.append(f"{item['overdue']:>4}", style="bold red" if item["overdue"] else "")
    text.append(f" {brief(age):>7} ")
    text.append(age_bar(age, promised, bar, signs), style="red" if age and promised and age > promised else "cyan")
    text.append(
        f" {brief(item['medianSeconds']):>7} {brief(item['p90Seconds']):>7} {item['met']:>5} {item['missed']:>6} "
    )
    text.append(f"{percent(share):>7}")
    if wide and share is not None:
        text.append(f"  {signs[0] * round(share * bar)}{signs[2] * (bar - round(share * bar))}", style="cyan")
    return text


def age_bar(age: float | None, promised: float | None, width: int, signs: tuple[str, ...]) -> str:
    """The oldest wait against its promise, which ends in the middle; blank where one of them is not known."""
    if age is None or not promised or promised <= 0:
        return " " * (width + 1)
    inside, beyond, empty, end, over = signs
    half = width // 2
    cells = min(width, int(age / promised * half))
    first = inside * min(cells, half) + empty * (half - min(cells, half))
    past = max(cells - half, 1 if age > promised else 0)
    second = beyond * past + empty * (half - past)
    return f"{first}{end}{second[:-1] + over if age >= 2 * promised else second}"


def brief(seconds: float | None) -> str:
    """A wait in at most seven signs: `2d 4h`, `4h 05m`, `6m 07s`, `5.1s`, `120d`."""
    if seconds is None:
        return ""
    if seconds < 60:  # noqa: PLR2004 - a minute
        return f"{int(seconds * 10) / 10}s"
    minutes, rest = divmod(int(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    days, hours = divmod(hours, 24)
    if days >= 100:  # noqa: PLR2004 - no room for the hours
        return f"{days}d"
    if days:
        return f"{days}d {hours}h"
    return f"{hours}h {minutes:02}m" if hours else f"{minutes}m {rest:02}s"


def percent(share: float | None) -> str:
    """Only all is 100%, only none is 0%."""
    if share is None:
        return ""
    return f"{min(max(share, 0.001), 0.999) if 0 < share < 1 else share:.1%}"


def _happened(lines: list[dict[str, Any]]) -> str:
    """Of grievances, on which day in Amsterdam the oldest happened that still waits."""
    moments = [item["oldestHappened"] for item in lines if item["oldestHappened"]]
    return f"  (happened {parse_moment(min(moments)).astimezone(AMSTERDAM).date().isoformat()})" if moments else ""


def _print(console: Console, text: str, style: str) -> None:
    console.print(Text(text, style=style), soft_wrap=True)
