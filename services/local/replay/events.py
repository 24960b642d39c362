"""From cases to what was said, in the log's order: pure. Every case is a signal; the rest answers it."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import datetime
from typing import Literal

from services.ledger.department_answers import HAND_OVERS_MAX
from services.local.replay.cases import Case, Cases, Seen
from services.local.replay.faults import Finding
from services.local.replay.mapping import FIRST_EVENT, LAST_RESOLUTION, Mapping

SOURCE = "urn:nld:oin:00000099000000001000:systeem:replay"
"""The test OIN: a replay speaks for nobody."""

Verb = Literal["signal", "acknowledge", "hand-over", "resolve", "confirm"]
_AT_THE_END = 1 << 60
"""The place of a moment that a column names: after every row of the same moment."""


@dataclass(frozen=True, slots=True)
class Step:
    """One event to send: at its own moment, in the order of `order` (never before its signal), by whom, on what."""

    order: tuple[datetime, int, int]
    at: datetime
    verb: Verb
    case: str
    department: str
    round: int = 1
    to: str = ""
    number: int = 0
    """Which of its case's steps it is; part of its id, so that a repeat of the replay is the same event."""


@dataclass(slots=True)
class Plan:
    """Everything that is to be sent, and what is told of the log."""

    steps: list[Step] = field(default_factory=list)
    findings: list[Finding] = field(default_factory=list)
    cases: int = 0
    not_begun: int = 0


def plan(read: Cases, until: datetime | None = None) -> Plan:
    """The steps of all cases up to and with `until`, in order, and the contradictions among them."""
    made = Plan()
    for case in read.cases.values():
        start = _start(case, read.mapping)
        department = next((row.department for row in _in_order(case) if row.department), "")
        if start is None or not department:
            what = f"no row names its {'department' if start else 'start'}, so it cannot be a signal"
            made.findings.append(Finding(case.line, "case", case.id, what))
        elif until is not None and start > until:
            made.not_begun += 1
        else:
            made.cases += 1
            _Telling(case, read.mapping, start, department, until, made).tell()
    made.steps.sort(key=lambda step: step.order)
    return made


def _in_order(case: Case) -> list[Seen]:
    return sorted(case.rows, key=lambda row: (row.at, row.line))


def _start(case: Case, mapping: Mapping) -> datetime | None:
    if mapping.start == FIRST_EVENT:
        return min(row.at for row in case.rows)
    named = case.columns.get("start")
    return named[0] if named else None


@dataclass(slots=True)
class _Telling:
    """Tells one case. It follows who has the assignment as the ledger will: its answers go to that topic."""

    case: Case
    mapping: Mapping
    start: datetime
    holder: str
    until: datetime | None
    made: Plan
    rounds: dict[str, int] = field(default_factory=dict)
    hand_overs: int = 0
    number: int = 0
    resolved: datetime | None = None
    last_resolution: datetime | None = None
    confirmed: bool = False

    def tell(self) -> None:
        """Add the case's signal, its answers in order, and the team's word."""
        self.rounds[self.holder] = 1
        self._add("signal", self.start)
        for at, line, what, department in self._marks():
            if self.until is not None and at > self.until:
                continue
            if what == "hand-over":
                self._hand_over(at, line, department)
            else:
                self._answer(at, line, what)
        if self.mapping.confirm == LAST_RESOLUTION and self.last_resolution is not None:
            self._add("confirm", self.last_resolution)

    def _marks(self) -> Iterable[tuple[datetime, int, Verb, str]]:
        marks: list[tuple[datetime, int, int, Verb, str, int]] = []
        before = self.holder
        for row in _in_order(self.case):
            if row.department and row.department != before:
                marks.append((row.at, row.line, 0, "hand-over", row.department, row.line))
                before = row.department
            marks += [(row.at, row.line, rank, verb, "", row.line) for rank, verb in _ranked(row.stages)]
        named = {stage: place for stage, place in self.case.columns.items() if stage != "start"}
        for rank, verb in _ranked(named):
            at, line = named[verb]
            marks.append((at, _AT_THE_END, rank, verb, "", line))
        return [(at, line, verb, department) for at, _, _, verb, department, line in sorted(marks)]

    def _hand_over(self, at: datetime, line: int, to: str) -> None:
        if self.mapping.hand_over is None:
            self._find(line, f"it is with {self.holder}, names {to}, and the mapping says nothing of a hand-over")
            return
        if to == self.holder:  # back from where it could not go
            return
        if self.resolved is not None:
            self._find(line, "handed over after it was resolved, which the loop refuses")
        elif self.hand_overs >= HAND_OVERS_MAX:
            self._find(line, f"handed over more than {HAND_OVERS_MAX} times, which the loop refuses")
        self._find_early(at, line, "handed over")
        self._add("hand-over", at, to)
        if self.resolved is None and self.hand_overs < HAND_OVERS_MAX:
            self.hand_overs += 1
            self.rounds[to] = self.rounds.get(to, 0) + 1
            self.holder = to

    def _answer(self, at: datetime, line: int, what: Verb) -> None:
        self._find_early(at, line, _PAST[what])
        if what == "acknowledge" and self.resolved is not None:
            self._find(line, "acknowledged after it was resolved; resolving had acknowledged it")
        if what == "confirm" and self.resolved is None:
            self._find(line, "confirmed before it was resolved, which the loop refuses")
        if what == "resolve" and not self.confirmed:
            self.resolved = self.resolved or at
            self.last_resolution = at
        if what == "confirm" and self.resolved is not None:
            self.confirmed = True
        self._add(what, at)

    def _find_early(self, at: datetime, line: int, what: str) -> None:
        if at < self.start:
            self._find(line, f"{what} before it began; its wait counts as 0")

    def _find(self, line: int, message: str) -> None:
        self.made.findings.append(Finding(line, "contradiction", self.case.id, message))

    def _add(self, verb: Verb, at: datetime, to: str = "") -> None:
        order = (max(at, self.start), self.case.line, self.number)
        round_ = self.rounds[self.holder]
        self.made.steps.append(Step(order, at, verb, self.case.id, self.holder, round_, to, self.number))
        self.number += 1


_PAST = {"acknowledge": "acknowledged", "resolve": "resolved", "confirm": "confirmed"}
_VERBS: tuple[Verb, ...] = ("acknowledge", "resolve", "confirm")


def _ranked(stages: Iterable[str]) -> list[tuple[int, Verb]]:
    """Of answers at one moment: acknowledged, then resolved, then confirmed."""
    present = set(stages)
    return [(rank, verb) for rank, verb in enumerate(_VERBS, 1) if verb in present]
