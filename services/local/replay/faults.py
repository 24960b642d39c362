"""What can go wrong with a replay as a whole, and what is noted of a log while the rest of it goes on."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from services.runtime.errors import KoikarperError


class ReplayError(KoikarperError):
    """The replay cannot be done or is not complete; the text says why and what to do."""


class LogError(ReplayError):
    """The log as a whole cannot be read."""


@dataclass(frozen=True, slots=True)
class Problem:
    """One mistake in a mapping file; line and column count from 1."""

    line: int
    column: int
    message: str


class MappingError(ReplayError):
    """A mapping file with everything that is wrong with it."""

    def __init__(self, file: str, problems: tuple[Problem, ...]) -> None:
        self.problems = problems
        super().__init__("\n".join(f"{file}:{item.line}:{item.column}: {item.message}" for item in problems))


What = Literal["row", "case", "contradiction"]
"""A row that cannot be read, a case that cannot be replayed, or a case that contradicts itself."""


@dataclass(frozen=True, slots=True, order=True)
class Finding:
    """Something in the log that the replay tells instead of dropping it in silence."""

    line: int
    what: What
    case: str
    message: str
