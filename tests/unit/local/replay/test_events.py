from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime

import pytest

from services.local.replay.cases import Cases
from services.local.replay.events import Plan, plan
from services.local.replay.mapping import Mapping, parse

Read = Callable[..., Cases]


def at(hour: int, minute: int = 0) -> datetime:
    return datetime(2024, 3, 1, hour, minute, tzinfo=UTC)


def line(what: str, hour: int, department: str = "A", case: str = "one", begun: int | None = 9) -> str:
    start = "" if begun is None else f"2024-03-01T{begun:02}:00Z"
    return f"{case},{what},2024-03-01T{hour:02}:00Z,{start},{department}"


def said(made: Plan) -> list[tuple[str, datetime, str, int]]:
    return [(step.verb, step.at, step.department, step.round) for step in made.steps]


def found(made: Plan) -> list[tuple[int, str]]:
    return [(item.line, item.message.split(",")[0].split(";")[0]) for item in made.findings]


def test_a_case_is_a_signal_that_is_acknowledged_resolved_and_confirmed(mapping: Mapping, read_csv: Read) -> None:
    made = plan(read_csv(mapping, line("read", 10), line("other", 11), line("done", 12)))
    assert said(made) == [
        ("signal", at(9), "a", 1),
        ("acknowledge", at(10), "a", 1),
        ("resolve", at(12), "a", 1),
        ("confirm", at(12), "a", 1),
    ]
    assert not made.findings


def test_rows_are_told_in_the_order_of_their_moments(mapping: Mapping, read_csv: Read) -> None:
    made = plan(read_csv(mapping, line("done", 12), line("read", 10, case="two"), line("read", 10)))
    assert [(step.case, step.verb, step.at.hour) for step in made.steps] == [
        ("one", "signal", 9),
        ("two", "signal", 9),
        ("one", "acknowledge", 10),
        ("two", "acknowledge", 10),
        ("one", "resolve", 12),
        ("one", "confirm", 12),
    ]


def test_a_case_without_an_end_stays_open(mapping: Mapping, read_csv: Read) -> None:
    made = plan(read_csv(mapping, line("read", 10)))
    assert [verb for verb, *_ in said(made)] == ["signal", "acknowledge"]


def test_an_answer_before_the_start_is_listed_and_still_sent_after_its_signal(mapping: Mapping, read_csv: Read) -> None:
    made = plan(read_csv(mapping, line("read", 8), line("read", 9, case="two", begun=8), line("done", 12)))
    assert [(step.case, step.verb, step.at.hour) for step in made.steps[:4]] == [
        ("two", "signal", 8),
        ("one", "signal", 9),
        ("one", "acknowledge", 8),
        ("two", "acknowledge", 9),
    ]
    assert found(made) == [(2, "acknowledged before it began")]


def test_an_acknowledgement_after_the_end_is_listed_and_still_sent(mapping: Mapping, read_csv: Read) -> None:
    made = plan(read_csv(mapping, line("done", 10), line("read", 11)))
    assert [verb for verb, *_ in said(made)] == ["signal", "resolve", "confirm", "acknowledge"]
    assert found(made) == [(3, "acknowledged after it was resolved")]


def test_a_change_of_department_hands_over_and_the_receiver_answers(mapping: Mapping, read_csv: Read) -> None:
    made = plan(read_csv(mapping, line("read", 10), line("read", 11, "B"), line("x", 12), line("done", 13)))
    assert said(made)[2:] == [
        ("hand-over", at(11), "a", 1),
        ("acknowledge", at(11), "b", 1),
        ("hand-over", at(12), "b", 1),
        ("resolve", at(13), "a", 2),
        ("confirm", at(13), "a", 2),
    ]
    assert [step.to for step in made.steps if step.verb == "hand-over"] == ["b", "a"]
    assert not made.findings


def test_a_row_that_names_no_department_changes_none(mapping: Mapping, read_csv: Read) -> None:
    made = plan(read_csv(mapping, line("x", 10, ""), line("read", 11, "B"), line("done", 12, "")))
    assert {department for _, _, department, _ in said(made)} == {"b"}
    assert not made.findings


def test_a_change_of_department_after_the_end_is_listed(mapping: Mapping, read_csv: Read) -> None:
    made = plan(read_csv(mapping, line("done", 10), line("x", 11, "B"), line("x", 12)))
    assert found(made) == [(3, "handed over after it was resolved")]
    assert [verb for verb, *_ in said(made)] == ["signal", "resolve", "confirm", "hand-over"]


def test_the_sixth_hand_over_is_listed_and_the_fifth_receiver_keeps_it(mapping: Mapping, read_csv: Read) -> None:
    rows = [line("x", 10 + number, "ABCDEFG"[number]) for number in range(7)]
    made = plan(read_csv(mapping, *rows, line("done", 20, "G")))
    assert found(made) == [(8, "handed over more than 5 times")]
    assert said(made)[-2] == ("resolve", at(20), "f", 1)


def test_a_change_of_department_is_listed_where_the_mapping_knows_no_hand_over(
    mapping_text: str, read_csv: Read
) -> None:
    mapping = parse(mapping_text.replace("hand-over: change-of-department\n", ""))
    made = plan(read_csv(mapping, line("x", 10), line("done", 11, "B")))
    assert found(made) == [(3, "it is with a")]
    assert said(made)[1] == ("resolve", at(11), "a", 1)


@pytest.mark.parametrize(("until", "verbs"), [(8, 0), (9, 1), (10, 2), (11, 2), (12, 4)])
def test_the_log_stops_at_the_moment_asked_for_and_with_it(
    mapping: Mapping, read_csv: Read, until: int, verbs: int
) -> None:
    made = plan(read_csv(mapping, line("read", 10), line("done", 12)), at(until))
    assert len(made.steps) == verbs
    assert (made.cases, made.not_begun) == ((1, 0) if verbs else (0, 1))


def test_a_case_can_begin_with_its_first_event(mapping_text: str, read_csv: Read) -> None:
    mapping = parse(mapping_text.replace("{column: begun}", "first-event"))
    made = plan(read_csv(mapping, line("done", 12), line("read", 7)))
    assert said(made)[:2] == [("signal", at(7), "a", 1), ("acknowledge", at(7), "a", 1)]
    assert not made.findings


def test_a_case_of_which_no_row_names_the_start_or_the_department_is_listed(mapping: Mapping, read_csv: Read) -> None:
    made = plan(read_csv(mapping, line("read", 10, begun=None), line("read", 11, "", case="two")))
    assert [(item.line, item.what, item.case) for item in made.findings] == [(2, "case", "one"), (3, "case", "two")]
    assert not made.steps


def test_the_end_can_be_a_column(mapping_text: str, read_csv: Read) -> None:
    mapping = parse(mapping_text.replace("{activity: done}", "{column: ended}"))
    rows = (f"{line('read', 10)},2024-03-01T10:00Z", f"{line('x', 11)},")
    made = plan(read_csv(mapping, *rows, header="id,what,at,begun,dept,ended"))
    assert [verb for verb, *_ in said(made)] == ["signal", "acknowledge", "resolve", "confirm"]


def test_the_word_of_the_team_can_be_in_the_log(mapping_text: str, read_csv: Read) -> None:
    mapping = parse(mapping_text + "confirm: {activity: fine}\n")
    made = plan(read_csv(mapping, line("fine", 10), line("done", 11), line("fine", 12)))
    assert [(verb, moment.hour) for verb, moment, *_ in said(made)[1:]] == [
        ("confirm", 10),
        ("resolve", 11),
        ("confirm", 12),
    ]
    assert found(made) == [(2, "confirmed before it was resolved")]


def test_a_team_that_is_never_heard_leaves_it_resolved(mapping_text: str, read_csv: Read) -> None:
    made = plan(read_csv(parse(mapping_text + "confirm: never\n"), line("done", 11)))
    assert [verb for verb, *_ in said(made)] == ["signal", "resolve"]
