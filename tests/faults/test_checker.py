"""The checker names what is wrong with a history, and finds nothing in a good one."""

import json
from dataclasses import replace

import pytest

from tests.faults.checker import check
from tests.faults.history import Fall, History
from tests.faults.tale import HOUSING, PERMITS, good_history, told, with_assignment


@pytest.fixture
def history() -> History:
    return good_history()


def names(history: History) -> set[str]:
    return {anomaly.name for anomaly in check(history)}


def test_a_good_history_has_no_anomaly(history: History) -> None:
    assert check(history) == []


def test_an_event_that_was_accepted_and_is_not_on_its_topic_is_lost(history: History) -> None:
    history.inputs = history.inputs[1:]
    assert "lost event" in names(history)


def test_an_event_on_its_topic_and_not_in_the_record_is_lost(history: History) -> None:
    history.record = history.record[:-1]
    assert {"lost event", "state unequal to the fold of the record"} <= names(history)


def test_what_cannot_be_read_and_is_no_dead_letter_is_lost(history: History) -> None:
    history.letters = []
    assert "lost event" in names(history)


def test_an_event_twice_in_the_record_is_a_duplicate_effect(history: History) -> None:
    history.record = [*history.record, replace(history.record[-1], seq=9, offset=9)]
    assert "duplicate effect" in names(history)


def test_a_record_that_is_two_dead_letters_is_a_duplicate_effect_unless_it_was_read_again(history: History) -> None:
    history.letters = [*history.letters, *history.letters]
    assert "duplicate effect" in names(history)
    history.read_again = True
    assert "duplicate effect" not in names(history)


def test_an_assignment_told_under_two_ids_is_a_duplicate_effect(history: History) -> None:
    first = told(history, "assignments.assigned")[0]
    other = json.loads(first.value or b"") | {"id": "another"}
    history.outputs = [*history.outputs, first._replace(offset=99, value=json.dumps(other).encode())]
    assert {"duplicate effect", "told otherwise"} <= names(history)


def test_a_repeat_of_what_was_told_is_none(history: History) -> None:
    history.outputs = [*history.outputs, *history.outputs]
    assert check(history) == []


def test_an_answer_refused_since_its_assignment_was_not_yet_known_is_named(history: History) -> None:
    history.record = [*history.record[:-1], replace(history.record[-1], refused="unknown-assignment")]
    assert "answer without assignment" in names(history)


def test_an_assignment_that_its_department_never_got_is_named(history: History) -> None:
    own = f"department.{history.states[next(iter(history.states))].assignments[HOUSING].department}.assignments"
    history.outputs = [one for one in history.outputs if one.topic != own]
    assert {"assignment not delivered", "told otherwise"} <= names(history)


def test_offsets_taken_in_out_of_their_order_are_an_inverted_order(history: History) -> None:
    first, second, third = history.record
    history.record = [first, replace(third, seq=2), replace(second, seq=3)]
    assert "inverted order" in names(history)


def test_an_answer_that_first_comes_after_a_later_one_is_an_inverted_order(history: History) -> None:
    history.outputs = sorted(history.outputs, key=lambda one: json.loads(one.value or b"")["type"], reverse=True)
    assert "inverted order" in names(history)


def test_a_promise_that_was_kept_and_is_called_missed_is_named(history: History) -> None:
    with_assignment(history, acknowledge="missed")
    assert {"promise decided twice or wrongly", "state unequal to the fold of the record"} <= names(history)


def test_a_promise_that_is_called_missed_twice_is_named(history: History) -> None:
    first = told(history, "assignments.deadline-missed")[0]
    other = json.loads(first.value or b"") | {"id": "again"}
    history.outputs = [*history.outputs, first._replace(offset=99, value=json.dumps(other).encode())]
    assert "promise decided twice or wrongly" in names(history)


def test_a_counter_that_fell_or_miscounts_is_named(history: History) -> None:
    history.falls = [Fall("signals", "custom-solution-requested", 2, 1)]
    assert names(history) == {"counter that fell or miscounts"}
    history.falls = []
    history.counters = {name: value + 1 for name, value in history.counters.items()}
    assert names(history) == {"counter that fell or miscounts"}


def test_a_state_that_the_record_does_not_lead_to_is_named(history: History) -> None:
    with_assignment(history, explanation="iets anders")
    found = check(history)
    assert [(one.name, one.about) for one in found] == [("state unequal to the fold of the record", str(PERMITS))]
    assert "explanation is 'iets anders', folded 'gedaan'" in found[0].what


def test_what_does_not_come_to_rest_and_a_broken_seal_are_named(history: History) -> None:
    history.unsettled = "3 rows in the outbox"
    history.broken_seals = ["neighbourhood.phase-changed/0: a row is gone"]
    assert names(history) == {"not at rest", "broken seal"}


def test_a_row_that_rebuild_would_put_right_is_named(history: History) -> None:
    history.not_rebuilt = ["signal 1, state: live 'open', folded 'solved'"]
    assert names(history) == {"rebuild gives another state"}


def test_an_answer_that_was_refused_and_need_not_be_is_named(history: History) -> None:
    history.record = [*history.record[:-1], replace(history.record[-1], refused="already-resolved")]
    found = [one for one in check(history) if one.name == "state unequal to the fold of the record"]
    assert found
    assert "is refused with already-resolved, folded None" in found[0].what


def test_an_event_told_in_other_words_is_named(history: History) -> None:
    first = told(history, "assignments.assigned")[0]
    raw = json.loads(first.value or b"")
    other = first._replace(value=json.dumps(raw | {"data": raw["data"] | {"promise": "other"}}).encode())
    history.outputs = [other if one is first else one for one in history.outputs]
    assert any("with other words than follow" in one.what for one in check(history))
