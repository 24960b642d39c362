"""The record of one signal folds to what was decided, however far time had passed in between. No database."""

from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from events.catalogue import PREFIX, signal_type
from events.envelope import encode, structured
from events.identifiers import assignment_id, signal_id
from events.reading import parse
from services.agreements.loading import parse as parse_agreements
from services.agreements.model import Agreements
from services.ledger.book import Book
from services.ledger.counting import Counts, counted
from services.ledger.fold import FAR, Entry, Passage, fold_signal, fold_unknown, told
from services.ledger.lifecycle import Decision, Passed, Said, decide, refuse_unknown
from services.ledger.passages import late
from services.ledger.passing import next_moment
from services.ledger.state import State
from services.ledger.succession import retire

CODES = ["permits", "parks", "control"]
VERBS = [
    "acknowledged",
    "handed-over",
    "extended",
    "resolved",
    "confirmed",
    "contested",
    "withdrawn",
    "contact-recorded",
]
STEPS = st.lists(
    st.tuples(
        st.sampled_from([*VERBS, "passes", "passes", "retires"]),
        st.sampled_from(CODES),
        st.sampled_from(CODES),
        st.sampled_from([1, 2]),
        st.integers(-30, 40),
    ),
    max_size=25,
)
START = datetime.fromisoformat("2026-03-02T09:00:00+00:00")
SIGNAL = signal_id("urn:test", "0")
OWN: dict[str, dict[str, Any]] = {
    "acknowledged": {"contact": {"role": "clerk", "reach": "14 020"}},
    "handed-over": {"reason": "not ours"},
    "extended": {"reason": "a report is needed"},
    "resolved": {"outcome": "solved", "explanation": "the pond may stay"},
    "contested": {"reason": "it is not so"},
    "withdrawn": {"reason": "it is not so"},
    "contact-recorded": {"with": "resident", "form": "visit"},
}


@dataclass
class Ledger:
    """One signal as intake and timekeeper treat it, with what they would write; hours count from its report."""

    versions: dict[str, Agreements]
    book: Book
    state: State | None = None
    counts: Counts = field(default_factory=Counts)
    told: set[tuple[str, str]] = field(default_factory=set)
    entries: list[Entry] = field(default_factory=list)
    passages: list[Passage] = field(default_factory=list)
    passed: float = 0

    def says(self, sender: tuple[Any, str], type_: str, hour: float, **data: Any) -> None:
        seq, at = len(self.entries), START + timedelta(hours=hour)
        raw = structured(id_=str(seq), source="urn:test", type_=type_, time=at, data=data)
        if self.state is not None and (found := late(self.state, "urn:test", str(seq), at)):
            self.passages.append(Passage(len(self.passages), seq - 1, found.until, None))
        decision = decide(self.state, Said(parse(raw, strict=True), sender), at, self.book)
        refused = decision.refusal.code if decision.refusal else None
        entry = Entry(seq, at, "urn:test", str(seq), ":".join(sender), refused, encode(raw), self.book.current.version)
        self.entries.append(entry)
        self._take(decision, said=True)

    def passes(self, hours: int) -> None:
        self.passed = max(self.passed, self.passed + hours)
        self._take(decide(self.state, Passed(), START + timedelta(hours=self.passed), self.book), said=False)

    def retires(self) -> None:
        self.book = Book(list(self.versions.values())[1], self.versions)
        at = START + timedelta(hours=self.passed)
        self.passages.append(Passage(len(self.passages), len(self.entries) - 1, at, self.book.current.version))
        assert self.state is not None
        self._take(retire(self.state, at, self.book), said=False)

    def _take(self, decision: Decision, *, said: bool) -> None:
        self.counts.update(counted(self.state, decision.state, decision.follows, said=said))
        self.told |= told(decision.follows).keys()
        self.state = decision.state or self.state


def ledger_of(town: Agreements) -> Ledger:
    text = town.text.replace("name: Vergunningen,", "name: Vergunningen, until: 2026-02-01, successor: parks,")
    closing = parse_agreements(text)
    versions = {town.version: town, closing.version: closing}
    ledger = Ledger(versions, Book(town, versions))
    report = {"team": "noord", "neighbourhood": "BU99990101", "title": "Koi", "departments": ["parks"]}
    own = {"initiative": "Koi in the pond", "blockedBy": "permit"}
    ledger.says(("team", "noord"), signal_type("initiative-blocked"), 0, **report, **own)
    return ledger


def live(ledger: Ledger, steps: list[tuple[str, str, str, int, int]]) -> None:
    for verb, code, to, round_, hours in steps:
        hour = ledger.passed + hours
        if verb == "passes":
            ledger.passes(hours)
        elif verb == "retires":
            ledger.retires()
        elif verb in {"confirmed", "contested", "withdrawn", "contact-recorded"}:
            data = {"signal": str(SIGNAL), "by": "connector"} | OWN.get(verb, {})
            ledger.says(("team", "noord"), f"{PREFIX}.signals.{verb}.v1", max(hour, 0), **data)
        else:
            data = {"assignment": str(assignment_id(SIGNAL, code, round_)), "by": "clerk"} | OWN[verb]
            until = (START + timedelta(hours=max(hour, 0) + 30)).isoformat()
            data |= {"handed-over": {"to": to}, "extended": {"until": until}}.get(verb, {})
            ledger.says(("department", code), f"{PREFIX}.assignments.{verb}.v1", max(hour, 0), **data)


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None, max_examples=200)
@given(STEPS)
def test_whatever_happened_and_whenever_it_was_looked_at_it_folds_to_the_same(town, steps):
    ledger = ledger_of(town)
    live(ledger, steps)
    until = next_moment(ledger.state) or FAR
    folded = fold_signal(ledger.entries, ledger.passages, ledger.versions, until)
    assert folded.state == ledger.state
    assert +folded.counts == +ledger.counts
    assert folded.told.keys() == ledger.told
    assert folded.refused == {}


def test_an_event_that_is_recorded_as_refused_and_now_is_not_is_told(town):
    ledger = ledger_of(town)
    live(ledger, [("acknowledged", "permits", "permits", 1, 1)])
    first, second = ledger.entries
    changed = Entry(
        second.seq, second.at, second.source, second.id, second.sender, "too-late", second.body, second.agreements
    )
    folded = fold_signal([first, changed], [], ledger.versions, None)
    assert folded.refused == {second.seq: None}


def test_what_was_said_of_a_signal_whose_report_is_not_recorded_folds_to_nothing(town):
    ledger = ledger_of(town)
    live(ledger, [("confirmed", "permits", "permits", 1, 1)])
    assert fold_signal(ledger.entries[1:], [], ledger.versions, FAR).state is None


def test_an_answer_to_something_unknown_is_refused_as_it_was(town):
    ledger = ledger_of(town)
    live(ledger, [("acknowledged", "permits", "permits", 2, 1)])
    entry = ledger.entries[1]
    code, words = fold_unknown(entry, ledger.versions)
    said = entry.said(entry.event())
    assert (code, words) == ("unknown-assignment", told(refuse_unknown(said, entry.at, ledger.book).follows))
