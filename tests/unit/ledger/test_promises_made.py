"""What a promise was stays with the assignment: agreements that change later change nothing made before."""

from datetime import UTC, datetime, timedelta

import pytest

from services.agreements.loading import parse as parse_agreements
from services.ledger.book import Book

START = datetime(2026, 3, 2, 9, tzinfo=UTC)
LADDER = """
    - {stage: acknowledge, at: 50%, remind: department}
    - {stage: resolve, at: 50%, remind: department}
    - {stage: confirm, at: 50%, remind: team}
    - {stage: confirm, at: due + 1 working hours, escalate: control}
"""
"""A town in working time, so that its calendar matters too."""
CHANGES = {
    "promise": [
        ("acknowledge: 2 working hours", "acknowledge: 1 working hours"),
        ("resolve: 4 working days", "resolve: 9 working days"),
        ("confirm: 3 working days", "confirm: 1 working days"),
        ("extensions: 2, extension: 3 working days", "extensions: 0"),
    ],
    "ladder": [
        ("{stage: acknowledge, at: 50%, remind: department}", "{stage: acknowledge, at: 10%, escalate: roads}"),
        ("{stage: confirm, at: 50%, remind: team}", "{stage: confirm, at: 20%, remind: department}"),
        ("{stage: resolve, at: 50%, remind: department}", "{stage: resolve, at: 60%, escalate: water}"),
    ],
    "calendar": [('mon-fri: ["09:00-17:00"]', 'mon-thu: ["10:00-12:00"]'), ("closed: []", "closed: [2026-03-04]")],
    "which of each a department has": [
        (
            "permits: {name: Vergunningen, calendar: office, promise: standard, ladder: standard",
            "permits: {name: V, calendar: nights, promise: strict",
        ),
        (
            "calendars:\n",
            'calendars:\n  nights: {timezone: Europe/Amsterdam, hours: {sat: ["20:00-23:00"]}, holidays: NL}\n',
        ),
    ],
    "what routes there": [("to: [permits]", "to: [parks], promise: strict")],
}


def at(hours):
    return START + timedelta(hours=hours)


@pytest.fixture
def book(life):
    text = life.book.current.text
    start, end = text.index("ladders:\n  standard:\n"), text.index("departments:\n")
    text = f"{text[:start]}ladders:\n  standard:{LADDER}{text[end:]}"
    for old, new in (
        ("acknowledge: 8 hours", "acknowledge: 2 working hours"),
        ("resolve: 48 hours, confirm: 24 hours", "resolve: 4 working days, confirm: 3 working days"),
        ("extensions: 2, extension: 24 hours", "extensions: 2, extension: 3 working days"),
    ):
        assert old in text
        text = text.replace(old, new)
    return Book.only(parse_agreements(text))


def changed(book, changes):
    text = book.current.text
    for old, new in changes:
        assert old in text
        text = text.replace(old, new)
    current = parse_agreements(text)
    return Book(current, {**book.versions, current.version: current})


def extended_and_contested(life):
    life.department("permits", "acknowledged", 3).department("permits", "extended", 26, until=at(192).isoformat())
    life.department("permits", "resolved", 100).passes(150).team("contested", 160)
    life.passes(180).department("permits", "resolved", 185).passes(600)


def never_answered(life):
    life.passes(24).passes(400)


def asked_too_much(life):
    life.department("permits", "extended", 26, until=at(2000).isoformat())
    assert life.refusal == "too-far"
    life.department("permits", "extended", 27, until=at(120).isoformat())
    life.department("permits", "extended", 28, until=at(140).isoformat())
    life.department("permits", "extended", 29, until=at(150).isoformat())
    assert life.refusal == "too-many-extensions"


@pytest.mark.parametrize("goes_on", [extended_and_contested, never_answered, asked_too_much])
@pytest.mark.parametrize("changes", CHANGES.values(), ids=CHANGES)
def test_changed_agreements_change_nothing_made_before(life, book, changes, goes_on):
    as_promised, under_others = type(life)(book).report(), type(life)(book).report()
    under_others.book = changed(book, changes)
    for each in (as_promised, under_others):
        goes_on(each)
    assert under_others.state == as_promised.state
    assert told_by(under_others) == told_by(as_promised)
    assert under_others.assignment().agreements == book.current.version
    assert len(told_by(as_promised)) > 2


def told_by(life):
    """What the loop told, in order; refusals without the random id of the answer, from which theirs follows."""
    loops = [follow for follow in life.follows if follow.raw["source"] != "urn:test"]
    return [
        (follow.topics, follow.raw["data"]["reason"] if follow in life.told("refused") else follow.raw)
        for follow in loops
    ]


@pytest.mark.parametrize("name", ["promise", "ladder", "calendar"])
def test_what_is_made_under_the_changed_agreements_does_go_by_them(life, book, name):
    earlier, later = type(life)(book).report(), type(life)(changed(book, CHANGES[name])).report()
    assert earlier.assignment().agreements != later.assignment().agreements
    assert earlier.assignment().moments != later.assignment().moments
