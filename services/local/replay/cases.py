"""From rows to cases: pure. What a row cannot tell is found out here, with its line."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import datetime
from zoneinfo import ZoneInfo

from services.local.replay.faults import Finding
from services.local.replay.mapping import Column, Mapping
from services.local.replay.moments import Reader
from services.local.replay.rows import Broken, Row

CODE_LENGTH_MAX = 60
CASE_LENGTH_MAX = 100
_NO_CODE = re.compile(r"[^a-z0-9]+")
_CONTROL = re.compile(r"[\x00-\x1f\x7f]")


@dataclass(frozen=True, slots=True)
class Seen:
    """One row of a case: when, where in the log, with which department ("": not said), and as what it counts."""

    at: datetime
    line: int
    department: str
    stages: tuple[str, ...]


@dataclass(slots=True)
class Case:
    """One case; `columns` are the moments that columns name, by stage (and `start`), with the line that did first."""

    id: str
    line: int
    columns: dict[str, tuple[datetime, int]] = field(default_factory=dict)
    rows: list[Seen] = field(default_factory=list)


@dataclass(slots=True)
class Cases:
    """Every case of a log, the departments by code with the name that stood first, and what cannot be read."""

    mapping: Mapping
    now: datetime
    cases: dict[str, Case] = field(default_factory=dict)
    departments: dict[str, str] = field(default_factory=dict)
    findings: list[Finding] = field(default_factory=list)
    rows: int = 0
    end: datetime | None = None
    """The latest moment that the log names."""
    _reader: Reader = field(init=False)
    _moments: dict[str, str] = field(init=False)

    def __post_init__(self) -> None:
        zone = self.mapping.timezone
        self._reader = Reader(self.now, ZoneInfo(zone) if zone else None, self.mapping.format)
        self._moments = {stage: mark.column for stage, mark in self.mapping.marks.items() if mark.column}
        if isinstance(self.mapping.start, Column):
            self._moments["start"] = self.mapping.start.column

    def read(self, rows: Iterable[Row | Broken]) -> None:
        """Take in every row."""
        for row in rows:
            self.rows += 1
            if isinstance(row, Broken):
                self.findings.append(Finding(row.line, "row", "", row.message))
            else:
                self._take(row)

    def _take(self, row: Row) -> None:
        wrong: list[str] = []
        case = self._case_id(row, wrong)
        at = self._moment(row, self.mapping.timestamp, wrong)
        named = {
            stage: self._moment(row, column, wrong) for stage, column in self._moments.items() if row.values[column]
        }
        department = self._department(row, wrong)
        if wrong or at is None:
            self.findings.append(Finding(row.line, "row", case, "; ".join(wrong)))
            return
        found = self.cases.setdefault(case, Case(case, row.line))
        for stage, moment in named.items():
            if moment is not None:
                self._name(found, stage, moment, row.line)
        found.rows.append(Seen(at, row.line, department, self._stages(row)))
        self.end = max(moment for moment in (self.end, at, *named.values()) if moment is not None)

    def _case_id(self, row: Row, wrong: list[str]) -> str:
        case = row.values[self.mapping.case].strip()
        if not case:
            wrong.append(f"{self.mapping.case} is empty")
        elif len(case) > CASE_LENGTH_MAX or _CONTROL.search(case):
            wrong.append(
                f"{self.mapping.case} is longer than {CASE_LENGTH_MAX} characters or holds a control character"
            )
        return case[:CASE_LENGTH_MAX]

    def _moment(self, row: Row, column: str, wrong: list[str]) -> datetime | None:
        try:
            return self._reader.read(row.values[column])
        except ValueError as error:
            wrong.append(f"{column}: {error}")
            return None

    def _department(self, row: Row, wrong: list[str]) -> str:
        if not isinstance(self.mapping.department, Column):
            code = self.mapping.department.constant
            self.departments[code] = code
            return code
        name = row.values[self.mapping.department.column].strip()
        code = code_of(name)
        if name and not code:
            wrong.append(f"{self.mapping.department.column}: {name!r} holds no letter or digit to make a code of")
        elif code and not wrong:
            self.departments.setdefault(code, name)
        return code

    def _stages(self, row: Row) -> tuple[str, ...]:
        activity = row.values[self.mapping.activity]
        lifecycle = row.values.get(self.mapping.lifecycle, "")
        return tuple(stage for stage, mark in self.mapping.marks.items() if mark.counts(activity, lifecycle))

    def _name(self, case: Case, stage: str, moment: datetime, line: int) -> None:
        first, _ = case.columns.setdefault(stage, (moment, line))
        if first != moment:
            column = self._moments[stage]
            message = f"another {column} than the case's first row that names one; the first counts"
            self.findings.append(Finding(line, "contradiction", case.id, message))


def code_of(name: str) -> str:
    """The code that a department's name becomes: `Customer contact` is `customer-contact`; "" when nothing is left."""
    plain = unicodedata.normalize("NFKD", name).encode("ascii", "ignore").decode().lower()
    return _NO_CODE.sub("-", plain).strip("-")[:CODE_LENGTH_MAX].rstrip("-")
