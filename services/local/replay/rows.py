"""What a log is read into: rows with their line, or why a row cannot be read."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Row:
    """One event of the log; a column without a value is empty. `line` is where it begins, from 1."""

    line: int
    values: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class Broken:
    """A row that cannot be read, and why."""

    line: int
    message: str
