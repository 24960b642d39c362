"""What becomes of a signal: contract 2, rule by rule."""

import itertools
from datetime import UTC, datetime, timedelta

import pytest

from events.outcomes import REFUSAL_CODES

START = datetime(2026, 3, 2, 9, tzinfo=UTC)


def at(hours):
    return START + timedelta(hours=hours)


def test_every_department_concerned_gets_an_assignment_and_the_team_hears_it(life):
    life.report("parks")
    assert {item.department for item in life.state.assignments.values()} == {"permits", "parks"}
    assert [follow.topics for follow in life.told("assigned")] == [
        ("department.permits.assignments", "team.noord.feedback"),
        ("department.parks.assignments", "team.noord.feedback"),
    ]
    assert life.assignment().acknowledge_by == at(8)
    assert life.assignment().resolve_by == at(48)
    assert life.told("assigned")[0].raw["data"]["report"]["title"] == "Koi"


def test_a_signal_that_a_route_only_notes_binds_nobody_and_waits_for_nobody(life):
    life.report(kind="phase-changed", phase="sweet")
    assert life.signal.state == "closed"
    assert (life.state.assignments, life.follows) == ({}, [])


def test_the_same_signal_again_changes_nothing(life):
    before = life.report().state
    assert life.report().state == before
    assert len(life.told("assigned")) == 1


def test_an_acknowledgement_in_time_is_met_and_the_team_hears_it(life):
    life.report().department("permits", "acknowledged", 8)
    assert (life.assignment().state, life.assignment().acknowledge) == ("acknowledged", "met")
    assert life.told("acknowledged")[0].topics == ("team.noord.feedback",)
    assert life.told("deadline-missed") == []


def test_an_acknowledgement_after_its_deadline_is_recorded_and_stays_missed(life):
    life.report().department("permits", "acknowledged", 8.001)
    assert (life.assignment().acknowledge, life.assignment().acknowledged_at) == ("missed", at(8.001))
    missed = life.told("deadline-missed")[0]
    assert (missed.raw["data"]["stage"], missed.raw["data"]["promise"]) == ("acknowledge", "first")
    assert missed.topics == ("department.permits.assignments", "team.noord.feedback")


def test_it_does_not_matter_whether_the_timekeeper_or_the_late_answer_ran_first(life, town):
    late = life.report().department("permits", "resolved", 60)
    other = type(life)(late.book).report().passes(20).passes(60).department("permits", "resolved", 60)
    assert late.state == other.state
    assert [follow.raw["id"] for follow in late.follows[:-2]] == [follow.raw["id"] for follow in other.follows[:-2]]


def test_a_resolution_of_what_was_never_acknowledged_acknowledges_it_in_the_same_moment(life):
    life.report().department("permits", "resolved", 5)
    assignment = life.assignment()
    assert (assignment.acknowledged_at, assignment.resolved_at, assignment.acknowledge) == (at(5), at(5), "met")


def test_resolve_is_met_only_when_the_signal_closes(life):
    life.report().department("permits", "resolved", 5)
    assert life.assignment().resolve is None
    life.team("confirmed", 6)
    assert (life.assignment().resolve, life.assignment().state) == ("met", "closed")
    assert (life.signal.state, life.signal.how) == ("closed", "confirmed")
    assert life.told("closed")[0].topics == ("department.permits.assignments", "team.noord.feedback")


def test_resolve_is_missed_once_its_first_date_passes_unresolved(life):
    life.report().department("permits", "acknowledged", 1).passes(48.001)
    assert life.assignment().resolve == "missed"
    life.department("permits", "resolved", 50).team("confirmed", 51)
    assert life.assignment().resolve == "missed"


def test_the_team_is_asked_when_every_assignment_is_resolved(life):
    life.report("parks").department("permits", "resolved", 5)
    assert (life.signal.state, life.told("resolution-proposed")) == ("open", [])
    life.department("parks", "resolved", 6, outcome="not-needed")
    assert (life.signal.state, life.signal.confirm_by) == ("resolved", at(30))
    outcomes = life.told("resolution-proposed")[0].raw["data"]["outcomes"]
    assert [item["outcome"] for item in outcomes] == ["solved", "not-needed"]


def test_with_several_departments_the_longest_promise_to_confirm_counts(life):
    life.report("control").department("permits", "resolved", 0.5).department("control", "resolved", 1)
    assert life.signal.confirm_by == at(49)


def test_confirming_before_all_is_resolved_is_refused(life):
    life.report().team("confirmed", 1)
    assert life.refusal == "not-resolved-yet"
    assert life.told("refused")[0].topics == ("team.noord.feedback",)


def test_contesting_opens_the_assignment_again_and_its_clock_never_stopped(life):
    life.report().department("permits", "resolved", 5).team("contested", 20)
    assert (life.signal.state, life.assignment().state, life.assignment().resolved_at) == ("open", "acknowledged", None)
    assert life.told("contested")[0].topics == ("department.permits.assignments",)
    assert life.assignment().resolve is None
    life.passes(49)
    assert life.assignment().resolve == "missed"


def test_contesting_after_the_first_date_makes_resolve_missed(life):
    life.report().department("permits", "resolved", 40).team("contested", 50)
    assert life.assignment().resolve == "missed"


def test_one_of_several_can_be_contested_while_another_is_still_open(life):
    life.report("parks").department("permits", "resolved", 5)
    life.team("contested", 6, assignments=[str(life.id("permits"))])
    assert life.assignment("permits").state == "acknowledged"
    assert life.refusal is None
    life.team("contested", 7, assignments=[str(life.id("parks"))])
    assert life.refusal == "not-resolved-yet"


def test_a_silent_team_is_reminded_and_then_the_signal_is_closed_as_unconfirmed(life):
    life.report().department("permits", "resolved", 5).passes(29.5)
    assert life.assignment().confirm == "missed"
    reminded = [follow for follow in life.told("reminded") if follow.raw["data"]["stage"] == "confirm"]
    assert reminded[0].topics == ("team.noord.feedback",)
    life.passes(54)
    assert (life.signal.state, life.signal.how, life.signal.closed_at) == ("closed", "unconfirmed", at(53))
    assert life.assignment().resolve == "met"


def test_what_was_closed_without_a_word_can_be_contested_for_ninety_days(life):
    life.report().department("permits", "resolved", 5).passes(54).team("contested", 53 + 90 * 24)
    assert (life.refusal, life.signal.state, life.assignment().state) == (None, "open", "acknowledged")


def test_after_ninety_days_it_is_final(life):
    life.report().department("permits", "resolved", 5).passes(54).team("contested", 53.01 + 90 * 24)
    assert (life.refusal, life.signal.state) == ("already-closed", "closed")


def test_withdrawing_closes_and_decides_what_was_undecided_neither_way(life):
    life.report().department("permits", "acknowledged", 1).team("withdrawn", 2)
    assignment = life.assignment()
    assert (assignment.state, assignment.acknowledge, assignment.resolve, assignment.confirm) == (
        "closed",
        "met",
        None,
        None,
    )
    assert life.signal.how == "withdrawn"


@pytest.mark.parametrize("verb", ["confirmed", "contested", "withdrawn"])
def test_what_is_closed_stays_closed(life, verb):
    life.report().department("permits", "resolved", 5).team("confirmed", 6)
    life.team(verb, 7)
    assert life.refusal == (None if verb == "confirmed" else "already-closed")
    assert life.signal.how == "confirmed"


def test_a_hand_over_ends_the_giver_and_gives_the_receiver_its_own_time_to_acknowledge(life):
    life.report().department("permits", "handed-over", 4, to="parks")
    giver, receiver = life.assignment("permits"), life.assignment("parks")
    assert (giver.state, giver.handed_over_to, giver.acknowledge, giver.resolve) == (
        "handed-over",
        "parks",
        "met",
        None,
    )
    assert (receiver.acknowledge_by, receiver.resolve_by) == (at(12), at(48))
    assert (receiver.waiting_since, receiver.handed_over_from) == (at(0), "permits")
    assert life.told("assigned")[1].raw["data"]["handedOverFrom"] == "permits"


def test_a_resolve_stage_already_missed_is_not_counted_again_at_the_receiver(life):
    life.report().department("permits", "handed-over", 50, to="parks")
    assert (life.assignment("permits").resolve, life.assignment("parks").resolve) == ("missed", "missed")
    assert life.assignment("parks").resolve_inherited
    life.passes(100)
    resolve = [follow for follow in life.told("deadline-missed") if follow.raw["data"]["stage"] == "resolve"]
    assert len(resolve) == 1


def test_handing_over_to_whom_has_it_open_merges_the_two(life):
    life.report("parks").department("permits", "handed-over", 1, to="parks")
    assert len(life.state.assignments) == 2
    assert life.assignment("parks").state == "waiting"


def test_handing_over_to_whom_had_resolved_it_is_its_next_round(life):
    life.report("parks").department("parks", "resolved", 1).department("permits", "handed-over", 2, to="parks")
    assert life.assignment("parks", 2).state == "waiting"
    assert life.signal.state == "open"


@pytest.mark.parametrize("to", ["nobody", "permits"])
def test_a_hand_over_to_nobody_or_to_oneself_is_refused(life, to):
    life.report().department("permits", "handed-over", 1, to=to)
    assert (life.refusal, life.assignment().state) == ("unknown-department", "waiting")


def test_at_the_third_hand_over_the_default_department_is_told_the_path_so_far(life):
    life.report()
    for hour, (giver, to) in enumerate([("permits", "parks"), ("parks", "roads"), ("roads", "housing")], 1):
        life.department(giver, "handed-over", hour, to=to)
    call = life.told("escalated")[0]
    assert call.raw["data"]["path"] == ["permits", "parks", "roads", "housing"]
    assert "department.control.assignments" in call.topics


def test_more_than_five_hand_overs_are_refused(life):
    life.report()
    path = ["permits", "parks", "roads", "housing", "water", "youth", "control"]
    for hour, (giver, to) in enumerate(itertools.pairwise(path), 1):
        life.department(giver, "handed-over", hour / 10, to=to)
    assert life.refusal == "too-many-hand-overs"
    assert life.assignment("youth").state == "waiting"


def test_an_answer_to_what_was_handed_over_says_to_whom(life):
    life.report().department("permits", "handed-over", 1, to="parks").department("permits", "acknowledged", 2)
    assert life.refusal == "already-handed-over"
    assert "parks" in life.told("refused")[0].raw["data"]["explanation"]


def test_an_extension_moves_the_date_and_the_ladder_but_the_first_date_decides(life):
    life.report().department("permits", "acknowledged", 1)
    life.department("permits", "extended", 2, until=at(60).isoformat())
    assert (life.assignment().resolve_by, life.assignment().resolve_first) == (at(60), at(48))
    life.passes(49)
    assert life.assignment().resolve == "missed"
    life.department("permits", "resolved", 55)
    promises = [follow.raw["data"]["promise"] for follow in life.told("deadline-missed")]
    assert promises == ["first"]


def test_an_extension_that_was_not_kept_is_told_as_such(life):
    life.report().department("permits", "acknowledged", 1)
    life.department("permits", "extended", 2, until=at(60).isoformat()).passes(61)
    assert [follow.raw["data"]["promise"] for follow in life.told("deadline-missed")] == ["first", "extended"]


def test_extending_does_not_acknowledge(life):
    life.report().department("permits", "extended", 2, until=at(60).isoformat())
    assert (life.assignment().state, life.assignment().acknowledge) == ("waiting", None)


@pytest.mark.parametrize(
    ("until", "when", "code"),
    [(48, 2, "date-in-the-past"), (73, 2, "too-far"), (60, 48.1, "too-late")],
)
def test_an_extension_outside_what_the_promise_allows_is_refused(life, until, when, code):
    life.report().department("permits", "acknowledged", 1)
    life.department("permits", "extended", when, until=at(until).isoformat())
    assert (life.refusal, life.assignment().resolve_by) == (code, at(48))


def test_more_extensions_than_the_promise_allows_are_refused(life):
    life.report()
    for until in (50, 52, 54):
        life.department("permits", "extended", 2, until=at(until).isoformat())
    assert (life.refusal, life.assignment().resolve_by) == ("too-many-extensions", at(52))


def test_a_repeat_of_what_holds_changes_nothing_and_is_no_refusal(life):
    life.report().department("permits", "acknowledged", 1)
    before, told = life.state, len(life.follows)
    life.department("permits", "acknowledged", 2)
    assert (life.state, life.refusal, len(life.follows)) == (before, None, told)


def test_another_outcome_after_the_resolution_is_refused(life):
    life.report().department("permits", "resolved", 1).department("permits", "resolved", 2, outcome="refused")
    assert (life.refusal, life.assignment().outcome) == ("already-resolved", "solved")


def test_an_answer_to_anothers_assignment_is_refused(life):
    life.report().department("parks", "acknowledged", 1, of="permits")
    assert life.refusal == "not-your-assignment"
    assert life.told("refused")[0].topics == ("department.parks.assignments",)


def test_an_answer_to_anothers_signal_is_refused(life):
    life.report().department("permits", "resolved", 1).team("confirmed", 2, code="zuid")
    assert (life.refusal, life.signal.state) == ("not-your-signal", "resolved")


def test_an_answer_to_what_nobody_knows_is_refused(life, town):
    stranger = type(life)(life.book)
    stranger.department("permits", "acknowledged", 1)
    assert (stranger.refusal, stranger.state) == ("unknown-assignment", None)
    assert stranger.refusal in REFUSAL_CODES


def test_no_wait_is_negative_when_leaders_clocks_differ(life):
    life.report().department("permits", "acknowledged", -1)
    assert life.assignment().acknowledged_at == at(0)


def test_reminders_and_rungs_happen_in_order_at_their_own_moments(life):
    life.report().passes(9)
    called = [(follow.raw["type"].split(".")[-2], follow.raw["time"][11:16]) for follow in life.follows[1:]]
    assert called == [("reminded", "13:00"), ("deadline-missed", "17:00"), ("escalated", "17:00")]
    rung = life.told("escalated")[0]
    assert rung.topics == ("department.permits.assignments", "department.control.assignments", "team.noord.feedback")


def test_a_custom_solution_becomes_a_precedent(life):
    solution = {"rule": {"code": "APV 2:10"}, "justification": "the pond is the square", "features": ["pond"]}
    life.report().department("permits", "resolved", 1, customSolution=solution)
    assert life.told("published")[0].topics == ("loop.precedents",)
    assert life.told("published")[0].raw["data"]["rule"] == {"code": "APV 2:10"}


def test_a_contact_with_a_resident_shows_on_the_signal_whatever_its_state(life):
    life.report().team("contact-recorded", 1, **{"with": "resident", "form": "visit", "on": at(0.5).isoformat()})
    assert (life.signal.contact_on, life.signal.state) == (at(0.5), "open")
