"""Contract 2 once more, where the rules meet: clocks that stand still or step back, moments that pass together."""

import itertools
from datetime import UTC, datetime, timedelta

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from events.catalogue import PREFIX, signal_type
from events.envelope import OUTCOME_SIZE_MAX, encode, structured
from events.reading import parse
from services.agreements.loading import parse as parse_agreements
from services.ledger.book import Book
from services.ledger.lifecycle import Passed, Said, decide

START = datetime(2026, 3, 2, 9, tzinfo=UTC)
CODES = ["permits", "parks", "control"]
VERBS = ["acknowledged", "handed-over", "extended", "resolved", "confirmed", "contested", "withdrawn"]
HAPPENINGS = st.lists(
    st.tuples(
        st.sampled_from(VERBS),
        st.sampled_from(CODES),
        st.sampled_from(CODES),
        st.sampled_from([1, 2]),
        st.sampled_from([0.0, 0.0, 0.0, -1.0, 1.0, 7.0, 30.0]),
    ),
    max_size=25,
)
ANY_TOWN = settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None, max_examples=200)


def at(hours):
    return START + timedelta(hours=hours)


def live(life, happenings, wake=lambda _: None):
    """Let it all happen; `wake` is the timekeeper, who may look in before any of it."""
    hour = 0.0
    life.report("parks")
    for verb, code, to, round_, pause in happenings:
        hour += pause
        wake(hour)
        if verb in {"confirmed", "contested", "withdrawn"}:
            life.team(verb, hour)
        else:
            extra = {"handed-over": {"to": to}, "extended": {"until": at(hour + 40).isoformat()}}.get(verb, {})
            life.department(code, verb, hour, round_=round_, **extra)
    return hour


@ANY_TOWN
@given(HAPPENINGS)
def test_events_have_ids_of_their_own_also_when_clocks_stand_still_or_step_back(life, happenings):
    fresh = type(life)(life.book)
    live(fresh, happenings)
    ids = [follow.raw["id"] for follow in fresh.follows]
    assert len(ids) == len(set(ids))


@ANY_TOWN
@given(HAPPENINGS, st.data())
def test_nothing_depends_on_when_the_timekeeper_looks(life, happenings, data):
    forwards = [(*rest, abs(pause)) for *rest, pause in happenings]
    alone, woken = type(life)(life.book), type(life)(life.book)
    hour = live(alone, forwards)
    live(woken, forwards, lambda now: woken.passes(now) if data.draw(st.booleans()) else None)
    for each in (alone, woken):
        each.passes(hour + 1)
    assert alone.state == woken.state
    assert told_by(alone) == told_by(woken)


def told_by(life):
    """What was told, by id; answers and refusals without theirs, which follow from the random ids of the answers."""
    own = [f for f in life.follows if f.raw["source"] != "urn:test" and f not in life.told("refused")]
    told = {f.raw["id"]: (f.topics, f.raw) for f in own}
    return told, [(f.topics, f.raw["data"]["explanation"]) for f in life.told("refused")]


def test_a_kept_promise_is_not_called_missed_when_the_team_contests_after_it_was_closed_without_a_word(life):
    life.report().department("permits", "resolved", 5).passes(54)
    assert life.assignment().resolve == "met"
    life.team("contested", 60)
    assert life.assignment().resolve == "met"
    assert [f.raw["data"]["stage"] for f in life.told("deadline-missed")] == ["confirm"]


def test_the_answer_of_a_team_that_contests_what_was_closed_without_its_word_is_counted_as_a_late_one(life):
    life.report().department("permits", "resolved", 5).passes(54).team("contested", 60)
    assert (life.assignment().confirm, life.assignment().answered_at) == ("missed", at(60))


def test_contesting_before_the_team_was_asked_answers_nothing(life):
    life.report("parks").department("permits", "resolved", 5).team("contested", 6)
    assert (life.assignment().confirm, life.assignment().answered_at) == (None, None)


def test_what_is_contested_already_is_left_and_the_rest_is_opened_again(life):
    life.report("parks", "control")
    for code in ("permits", "parks"):
        life.department(code, "resolved", 0.5)
    life.team("contested", 1, assignments=[str(life.id("permits"))])
    life.team("contested", 2, assignments=[str(life.id("permits")), str(life.id("parks"))])
    assert (life.refusal, life.assignment("parks").state) == (None, "acknowledged")
    assert [life.assignment(code).contested for code in ("permits", "parks")] == [1, 1]
    assert [f.topics for f in life.told("contested")] == [
        ("department.permits.assignments",),
        ("department.parks.assignments",),
    ]


def test_a_resolution_repeated_after_the_signal_was_closed_holds_already(life):
    life.report().department("permits", "resolved", 5).team("confirmed", 6)
    told = len(life.follows)
    life.department("permits", "resolved", 7)
    assert (life.refusal, len(life.follows)) == (None, told)
    life.department("permits", "resolved", 8, outcome="refused")
    assert life.refusal == "already-closed"


def test_an_answer_after_the_signal_was_due_to_be_closed_finds_it_closed_whoever_ran_first(life):
    life.report().department("permits", "resolved", 5).department("permits", "acknowledged", 54)
    assert (life.signal.state, life.signal.how, life.refusal) == ("closed", "unconfirmed", "already-closed")


def test_what_passed_together_is_told_in_the_order_of_its_moments(life):
    life.report("parks", "control").passes(60)
    times = [follow.raw["time"] for follow in life.follows]
    assert times == sorted(times)


def test_a_contact_lies_no_later_than_the_moment_of_receipt(life):
    contact = {"with": "resident", "form": "visit", "on": at(10_000).isoformat()}
    life.report().team("contact-recorded", 1, **contact)
    assert life.signal.contact_on == at(1)


def test_a_hand_over_is_told_before_what_came_of_it(life):
    life.report().department("permits", "handed-over", 4, to="parks")
    assert [f.raw["type"].removeprefix(f"{PREFIX}.assignments.") for f in life.follows[-2:]] == [
        "handed-over.v1",
        "assigned.v1",
    ]


def test_a_rung_at_the_very_moment_of_a_hand_over_is_the_receivers(life):
    noise = {"blockedBy": "capacity"}
    life.report("parks", **noise).department("parks", "handed-over", 24, to="permits").passes(25)
    assert [f.raw["data"]["stage"] for f in life.told("reminded")] == ["resolve"]


def test_what_is_resolved_contested_and_resolved_again_in_one_moment_is_told_twice(life):
    solution = {"rule": {"code": "APV 2:10"}, "justification": "the pond is the square", "features": ["pond"]}
    for _ in range(2):
        life.report().department("permits", "resolved", 1, customSolution=solution).team("contested", 1)
    life.department("permits", "resolved", 1)
    for name in ("resolution-proposed", "published"):
        ids = [follow.raw["id"] for follow in life.told(name)]
        assert len(set(ids)) == len(ids) > 1


def test_a_report_whose_unknown_fields_look_like_rules_is_read_as_its_kind_says(life):
    noise = {"rule": "APV 2:10", "rules": [1], "agendas": "x", "colour": None}
    body = {"team": "noord", "neighbourhood": "BU99990101", "title": "Koi", "phase": "sweet"} | noise
    raw = structured(id_="a", source="urn:test", type_=signal_type("phase-changed"), time=START, data=body)
    state = decide(None, Said(parse(raw, strict=False), ("team", "noord")), START, life.book).state
    assert (state.signal.state, state.signal.rules, state.signal.report) == ("closed", (), body)


def test_an_unknown_field_binds_nobody(life):
    body = {"team": "noord", "neighbourhood": "BU99990101", "title": "Koi", "phase": "sweet"}
    raw = structured(
        id_="a",
        source="urn:test",
        type_=signal_type("phase-changed"),
        time=START,
        data=body | {"rule": {"code": "APV 2:10", "owner": "parks"}},
    )
    assert decide(None, Said(parse(raw, strict=False), ("team", "noord")), START, life.book).follows == ()


def test_a_proposal_to_many_departments_fits_in_one_event(life):
    many = "".join(f"  d{number}: {{name: D, calendar: office, promise: standard}}\n" for number in range(100))
    text = life.book.current.text.replace("departments:\n", f"departments:\n{many}")
    large = type(life)(Book.only(parse_agreements(text)))
    codes = [f"d{number}" for number in range(100)]
    large.report(*codes)
    for code in ["permits", *codes]:
        large.department(code, "resolved", 1, explanation="\U0001f41f\n" * 1000)
    [proposal] = large.told("resolution-proposed")
    assert len(encode(proposal.raw)) < OUTCOME_SIZE_MAX
    assert {len(item["explanation"]) for item in proposal.raw["data"]["outcomes"]} != {0}


def test_a_short_explanation_is_proposed_whole(life):
    life.report().department("permits", "resolved", 1, explanation="x" * 2000)
    [outcome] = life.told("resolution-proposed")[0].raw["data"]["outcomes"]
    assert outcome["explanation"] == "x" * 2000


def test_the_third_hand_over_is_told_to_whom_answers_for_a_retired_default(life):
    text = life.book.current.text.replace(
        "  control: {name: Concerncontrol,", "  control: {name: Concerncontrol, until: 2026-01-01, successor: youth,"
    )
    retired = type(life)(Book.only(parse_agreements(text))).report()
    for hour, (giver, to) in enumerate(itertools.pairwise(["permits", "parks", "roads", "housing"]), 1):
        retired.department(giver, "handed-over", hour, to=to)
    assert retired.told("escalated")[0].raw["data"]["to"] == "youth"


def test_passing_on_what_is_not_known_does_nothing(life):
    assert decide(None, Passed(), START, life.book).state is None
