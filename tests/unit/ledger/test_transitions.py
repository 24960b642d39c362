"""Every cell of the tables in the ledger's README: the core is driven there and does what the cell says."""

from datetime import UTC, datetime, timedelta
from typing import get_args

import pytest

from events.outcomes import REFUSAL_CODES
from services.agreements.loading import parse as parse_agreements
from services.ledger.book import Book
from services.ledger.state import Assignment, AssignmentState, Moment, Signal, SignalState, State
from services.ledger.succession import retire
from services.ledger.tabulating import NOTES, RETIRED, cells
from services.ledger.transitions import DepartmentVerb, MomentName, TeamVerb, name_of

START = datetime(2026, 3, 2, 9, tzinfo=UTC)
STATES = {"assignment": get_args(AssignmentState), "signal": get_args(SignalState)}
MOMENTS = {
    "acknowledge reminder": ("acknowledge", "remind", "permits"),
    "acknowledge rung": ("acknowledge", "escalate", "control"),
    "acknowledge deadline": ("acknowledge", "deadline", ""),
    "resolve reminder": ("resolve", "remind", "permits"),
    "resolve rung": ("resolve", "escalate", "control"),
    "resolve deadline": ("resolve", "deadline", ""),
    "silence": ("resolve", "silence", "permits"),
    "confirm reminder": ("confirm", "remind", "noord"),
    "confirm rung": ("confirm", "escalate", "control"),
    "confirm deadline": ("confirm", "deadline", ""),
    "close": ("confirm", "close", ""),
}
TOLD = {
    "reminder": ["assignments.reminded"],
    "rung": ["assignments.escalated"],
    "deadline": ["assignments.deadline-missed"],
    "silence": ["assignments.reminded"],
    "close": ["signals.closed"],
    "confirm deadline": ["assignments.deadline-missed", "assignments.reminded"],
}
CELLS = [
    pytest.param(table, name, state, leads.get(state), id=f"{table}: {kind} {name} when {state}")
    for table, states in STATES.items()
    for kind, name, leads in cells(table)
    for state in states
]


def at(hours):
    return START + timedelta(hours=hours)


def lead_into(life, table, state, name):
    """A life of which the assignment of `permits`, or the signal, is in that state at hour 1."""
    life.report(*(["parks"] if (table, state, name) == ("signal", "open", "contested") else []))
    if (table, state, name) == ("signal", "open", "contested"):
        life.department("permits", "resolved", 1)  # and parks has not
    elif state == "acknowledged" or (table, state, name) == ("signal", "open", "silence"):
        life.department("permits", "acknowledged", 1)
    elif state == "resolved":
        life.department("permits", "resolved", 1)
    elif state == "handed-over":
        life.department("permits", "handed-over", 1, to="parks").department("parks", "resolved", 1)
    elif state == "closed" and name == "withdrawn":  # or it would be so already
        life.department("permits", "resolved", 1).team("confirmed", 1)
    elif state == "closed":
        life.team("withdrawn", 1)
    assert now(life, table) == state
    return life


def now(life, table):
    return life.assignment().state if table == "assignment" else life.signal.state


def happen(life, name):
    if name in get_args(DepartmentVerb):
        other = {"handed-over": {"to": "roads"}, "extended": {"until": at(60).isoformat()}}
        other["resolved"] = {"outcome": "refused" if life.assignment().state == "resolved" else "solved"}
        life.department("permits", name, 2, **other.get(name, {}))
    elif name in get_args(TeamVerb):
        contact = {"with": "resident", "form": "call"} if name == "contact-recorded" else {}
        named = {"assignments": [str(life.id("permits"))]} if name == "contested" and is_about_one(life) else {}
        life.team(name, 2, **contact, **named)
    elif name == RETIRED:
        life._take(retire(life.state, at(20), closing(life)))
    else:
        life.state = with_only(life.state, life.id("permits"), name)
        life.passes(2)


def is_about_one(life):
    return life.signal.state != "open" or life.assignment().state in {"waiting", "acknowledged"}


def closing(life):
    text = life.book.current.text.replace("name: Vergunningen,", "name: V, until: 2026-03-02, successor: parks,")
    current = parse_agreements(text)
    return Book(current, {**life.book.versions, current.version: current})


def with_only(state, id_, name):
    """The state in which this is the one moment to come, at hour 1.5, where its kind stands."""
    stage, act, to = MOMENTS[name]
    moment = Moment(at(1.5), stage, act, to, rung=1)
    assert name_of(moment) == name
    of_signal = name in {"confirm deadline", "close"}
    bare = {key: item._replace(moments=()) for key, item in state.assignments.items()}
    bare[id_] = bare[id_]._replace(moments=() if of_signal else (moment,))
    return State(state.signal._replace(moments=(moment,) if of_signal else ()), bare)


@pytest.mark.parametrize(("table", "name", "state", "leads_to"), CELLS)
def test_each_cell_is_what_the_core_does(life, table, name, state, leads_to):
    lead_into(life, table, state, name)
    before, told = life.state, len(life.follows)
    happen(life, name)
    new = [follow.raw["type"].removeprefix("nl.koikarper.").removesuffix(".v1") for follow in life.follows[told:]]
    if leads_to in REFUSAL_CODES:
        assert (life.refusal, now(life, table), new) == (leads_to, state, ["answers.refused"])
        assert life.assignment() == before.assignments[life.id("permits")]
    elif leads_to is None:
        assert now(life, table) == state
        about = life.follows[told:] if table == "signal" else about_permits(life, told)
        assert about == []
    else:
        assert (life.refusal, now(life, table)) == (None, leads_to)
        if name in MOMENTS:
            assert new == (TOLD.get(name) or TOLD[name.split()[-1]])


def about_permits(life, told):
    return [follow for follow in life.follows[told:] if follow.raw["data"].get("assignment") == str(life.id("permits"))]


def test_every_state_stands_against_every_happening():
    happenings = {*get_args(DepartmentVerb), *get_args(TeamVerb), *get_args(MomentName), RETIRED}
    for table in STATES:
        assert {name for _, name, _ in cells(table)} == happenings
    assert {(cell.values[0], cell.values[1], cell.values[2]) for cell in CELLS} >= set(NOTES)
    assert len(CELLS) == len(happenings) * (5 + 3)


def test_a_contest_is_what_the_notes_say_where_a_cell_is_not_the_whole_story(life):
    life.report("parks").team("contested", 1)
    assert life.refusal == "not-resolved-yet"  # a signal of which nothing is resolved
    life.department("permits", "resolved", 2).team("confirmed", 3)
    assert (life.refusal, life.signal.state) == ("not-resolved-yet", "open")  # another is still open
    life.team("contested", 4).team("contested", 5)
    assert (life.refusal, life.assignment().contested) == (None, 1)  # contested before: so already
    life.department("permits", "resolved", 6).department("parks", "resolved", 7).passes(200)
    assert (life.signal.state, life.signal.how) == ("closed", "unconfirmed")
    life.team("contested", 201)
    assert (life.refusal, life.signal.state, life.assignment().state) == (None, "open", "acknowledged")


def test_the_records_of_the_tables_are_those_of_the_state():
    assert set(STATES["assignment"]) == set(get_args(Assignment.__annotations__["state"]))
    assert set(STATES["signal"]) == set(get_args(Signal.__annotations__["state"]))
