"""What is wrong with an agreements file, all of it at once, each with its place."""

from collections.abc import Iterable
from dataclasses import dataclass, replace

from services.runtime.errors import KoikarperError


@dataclass(frozen=True, slots=True, order=True)
class Problem:
    """One mistake: line and column (from 1), and a sentence that says what to do."""

    line: int
    column: int
    message: str
    file: str = "agreements.yaml"

    def __str__(self) -> str:
        return f"{self.file}:{self.line}:{self.column}: {self.message}"


class AgreementsError(KoikarperError):
    """The agreements cannot be used; `problems` holds everything that is wrong, in the order of the file."""

    def __init__(self, problems: Iterable[Problem]) -> None:
        self.problems = tuple(sorted(problems))
        super().__init__("\n".join(map(str, self.problems)))

    def of_file(self, name: str) -> "AgreementsError":
        """The same error, naming the file that was read."""
        return AgreementsError(replace(problem, file=name) for problem in self.problems)
