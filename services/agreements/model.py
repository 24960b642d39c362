"""The agreements as read: frozen, checked, and the same for everyone who holds the same version."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date, datetime
from typing import Literal

from events.outcomes import Stage
from events.signals import CANARY
from services.agreements.calendars import Calendar
from services.agreements.durations import Duration

Act = Literal["remind", "escalate"]


@dataclass(frozen=True, slots=True)
class Municipality:
    """The town: its CBS code, its name, and its organisation's number (20 digits)."""

    code: str
    name: str
    oin: str


@dataclass(frozen=True, slots=True)
class Promise:
    """How soon a department answers, and how often and how far it may extend."""

    name: str
    acknowledge: Duration
    resolve: Duration
    confirm: Duration
    extensions: int = 0
    extension: Duration | None = None


@dataclass(frozen=True, slots=True)
class Mark:
    """A moment in a term: a share of it, or its end, or a duration before or after its end."""

    percent: int | None = None  # a share of the term; None: counted from its end
    after: Duration | None = None
    before: Duration | None = None


@dataclass(frozen=True, slots=True)
class Rung:
    """What happens at one mark of a stage; `number` counts from 1 in the order of the file."""

    number: int
    stage: Stage
    at: Mark
    act: Act
    to: str  # for a reminder: `department` or `team`; else the code of the department that is called in


@dataclass(frozen=True, slots=True)
class Ladder:
    """What happens while nobody answers."""

    name: str
    rungs: tuple[Rung, ...]


@dataclass(frozen=True, slots=True)
class Department:
    """Who must answer; `until` is the last day on which the code was given new work (inclusive, local)."""

    code: str
    name: str
    calendar: str
    promise: str
    ladder: str | None = None
    rules: tuple[str, ...] = ()
    agendas: tuple[str, ...] = ()
    sources: tuple[str, ...] = ()
    until: date | None = None
    successor: str | None = None


@dataclass(frozen=True, slots=True)
class Team:
    """Who emits signals, and where."""

    code: str
    name: str
    neighbourhoods: tuple[str, ...]
    sources: tuple[str, ...] = ()
    until: date | None = None


@dataclass(frozen=True, slots=True)
class Route:
    """When a signal looks like this, these departments answer it; `to` may be empty: noted, binding nobody."""

    number: int
    when: Mapping[str, tuple[str, ...]]  # field -> globs, of which one must match
    to: tuple[str, ...]
    promise: str | None = None
    because: str = field(init=False, repr=False, compare=False)
    """Why a department gets what looks like this."""

    def __post_init__(self) -> None:
        """Say once what every signal's assignment says."""
        when = ", ".join(f"{name}={'|'.join(globs)}" for name, globs in self.when.items())
        object.__setattr__(self, "because", f"route {self.number}: {when}" if when else f"route {self.number}")


@dataclass(frozen=True, slots=True)
class Patterns:
    """From how many signals within how long the same rule or agenda is a pattern."""

    signals: int
    within: Duration


@dataclass(frozen=True, slots=True)
class Canary:
    """Between whom the machinery's own signal goes; `source` is of what both say, and of nobody else."""

    source: str
    department: Department
    team: Team
    promise: Promise
    calendar: Calendar


@dataclass(frozen=True, slots=True)
class Agreements:
    """One version of the whole file."""

    version: str  # SHA-256 of the content, in hex
    text: str
    municipality: Municipality
    calendars: Mapping[str, Calendar]
    promises: Mapping[str, Promise]
    ladders: Mapping[str, Ladder]
    departments: Mapping[str, Department]
    teams: Mapping[str, Team]
    routes: tuple[Route, ...]
    default: str
    patterns: Patterns
    canary: Canary  # in none of the above: those are people's
    places: frozenset[str] = field(init=False, repr=False, compare=False)
    """The CBS codes of the teams' neighbourhoods, without their first two letters: asked for every signal."""
    around: frozenset[str] = field(init=False, repr=False, compare=False)
    """Every beginning of one of `places`: what holds it."""

    def __post_init__(self) -> None:
        """Note once what the teams' neighbourhoods say."""
        places = frozenset(code[2:] for team in self.teams.values() for code in team.neighbourhoods)
        object.__setattr__(self, "places", places)
        object.__setattr__(self, "around", frozenset(code[:end] for code in places for end in range(len(code) + 1)))

    @property
    def source(self) -> str:
        """The `source` of what the loop and the gateway themselves say."""
        return f"urn:nld:oin:{self.municipality.oin}:systeem:koikarper"

    def promise_of(self, department: str, name: str) -> Promise:
        """What a department promises under this name."""
        return self.canary.promise if department == CANARY else self.promises[name]

    def calendar_of(self, department: str) -> Calendar:
        """The calendar by which a department works."""
        if department == CANARY:
            return self.canary.calendar
        return self.calendars[self.departments[department].calendar]

    def is_retired(self, department: str, at: datetime) -> bool:
        """Whether the code gets no new work at `at`: the day named by `until` has ended."""
        if department == CANARY:
            return False
        until = self.departments[department].until
        return until is not None and self.calendar_of(department).day_of(at) > until

    def heir(self, department: str, at: datetime) -> str:
        """Who answers for `department` at `at`: itself, or the first of its successors that is not retired.

        Loading refuses a retired department without a successor and a ring of successors, so there always is one.
        """
        while self.is_retired(department, at):
            department = self.departments[department].successor or department
        return department
