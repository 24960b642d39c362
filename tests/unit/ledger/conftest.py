"""A town, and a signal's life in it: the tests say what happens and look at what became of it."""

import uuid
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from events.catalogue import PREFIX, signal_type
from events.envelope import structured
from events.identifiers import AssignmentId, assignment_id, signal_id
from events.reading import parse
from services.agreements.loading import parse as parse_agreements
from services.agreements.model import Agreements
from services.ledger.book import Book
from services.ledger.lifecycle import Decision, Passed, Said, decide
from services.ledger.state import Assignment, Follow, Signal, State

TOWN = """
municipality: {code: GM9999, name: Voorbeeldstad, oin: "00000099000000001000"}
calendars:
  office: {timezone: Europe/Amsterdam, hours: {mon-fri: ["09:00-17:00"]}, holidays: NL, closed: []}
promises:
  standard: {acknowledge: 8 hours, resolve: 48 hours, confirm: 24 hours, extensions: 2, extension: 24 hours}
  strict: {acknowledge: 1 hours, resolve: 10 hours, confirm: 48 hours, extensions: 0}
ladders:
  standard:
    - {stage: acknowledge, at: 50%, remind: department}
    - {stage: acknowledge, at: due, escalate: control}
    - {stage: resolve, at: 50%, remind: department}
departments:
  permits: {name: Vergunningen, calendar: office, promise: standard, ladder: standard, rules: ["APV *"]}
  parks: {name: Groen, calendar: office, promise: standard}
  roads: {name: Wegen, calendar: office, promise: standard}
  housing: {name: Wonen, calendar: office, promise: standard}
  water: {name: Water, calendar: office, promise: standard}
  youth: {name: Jeugd, calendar: office, promise: standard}
  control: {name: Concerncontrol, calendar: office, promise: strict}
teams:
  noord: {name: Wijkteam Noord, neighbourhoods: [WK999901]}
  zuid: {name: Wijkteam Zuid, neighbourhoods: [WK999902]}
routes:
  - {when: {kind: initiative-blocked, blockedBy: permit}, to: [permits]}
  - {when: {kind: phase-changed}, to: []}
default: control
patterns: {signals: 3, within: 90 days}
"""
START = datetime(2026, 3, 2, 9, tzinfo=UTC)
"""A Monday morning."""


@pytest.fixture(scope="session")
def town() -> Agreements:
    return parse_agreements(TOWN)


@dataclass
class Life:
    """One signal's life; `hours` count from the moment it was reported."""

    book: Book
    state: State | None = None
    follows: list[Follow] = field(default_factory=list)
    last: Decision | None = None

    def report(self, *departments: str, kind: str = "initiative-blocked", **data: Any) -> "Life":
        own = {"initiative": "Koi in the pond", "blockedBy": "permit"} if kind == "initiative-blocked" else {}
        body = {"team": "noord", "neighbourhood": "BU99990101", "title": "Koi", "departments": list(departments)}
        return self._say(("team", "noord"), signal_type(kind), body | own | data, 0, "first")

    def department(self, code: str, verb: str, hours: float, *, of: str = "", round_: int = 1, **data: Any) -> "Life":
        own = {
            "acknowledged": {"contact": {"role": "clerk", "reach": "14 020"}},
            "handed-over": {"reason": "not ours"},
            "extended": {"reason": "a report is needed"},
            "resolved": {"outcome": "solved", "explanation": "the pond may stay"},
        }[verb]
        body = {"assignment": str(self.id(of or code, round_)), "by": "clerk"} | own | data
        return self._say(("department", code), f"{PREFIX}.assignments.{verb}.v1", body, hours)

    def team(self, verb: str, hours: float, *, code: str = "noord", **data: Any) -> "Life":
        own = {"reason": "it is not so"} if verb in {"contested", "withdrawn"} else {}
        body = {"signal": str(self.signal.id), "by": "connector"} | own | data
        return self._say(("team", code), f"{PREFIX}.signals.{verb}.v1", body, hours)

    def passes(self, hours: float) -> "Life":
        return self._take(decide(self.state, Passed(), at(hours), self.book))

    def id(self, department: str, round_: int = 1) -> AssignmentId:
        return assignment_id(signal_id("urn:test", "first"), department, round_)

    def assignment(self, department: str = "permits", round_: int = 1) -> Assignment:
        assert self.state is not None
        return self.state.assignments[self.id(department, round_)]

    @property
    def signal(self) -> Signal:
        assert self.state is not None
        return self.state.signal

    @property
    def refusal(self) -> str | None:
        assert self.last is not None
        return self.last.refusal.code if self.last.refusal else None

    def told(self, name: str) -> list[Follow]:
        return [follow for follow in self.follows if follow.raw["type"].endswith(f".{name}.v1")]

    def _say(self, sender: Any, type_: str, data: Any, hours: float, id_: str = "") -> "Life":
        raw = structured(id_=id_ or str(uuid.uuid4()), source="urn:test", type_=type_, time=at(hours), data=data)
        return self._take(decide(self.state, Said(parse(raw, strict=True), sender), at(hours), self.book))

    def _take(self, decision: Decision) -> "Life":
        self.last, self.state = decision, decision.state
        self.follows += decision.follows
        for follow in decision.follows:
            assert_says_what_its_type_says(follow.raw)
        return self


def assert_says_what_its_type_says(raw: dict[str, Any]) -> None:
    """What the loop tells is not validated as it is told: so it is here, for everything that any test lets it tell."""
    data = parse(raw, strict=True).data
    if raw["source"] == "urn:test":  # an answer, passed on as it was sent
        return
    assert list(raw["data"].items()) == list(data.model_dump(mode="json", by_alias=True, exclude_none=True).items())


def at(hours: float) -> datetime:
    return START + timedelta(hours=hours)


@pytest.fixture
def life(town: Agreements) -> Life:
    return Life(Book.only(town))
