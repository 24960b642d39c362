from collections.abc import Callable
from datetime import UTC, datetime

from services.agreements import ladders
from services.agreements.ladders import Moment
from services.agreements.model import Agreements

MONDAY = datetime(2026, 11, 23, 9, 0, tzinfo=UTC)
WEDNESDAY = datetime(2026, 11, 25, 9, 0, tzinfo=UTC)
FRIDAY = datetime(2026, 11, 27, 9, 0, tzinfo=UTC)
TUESDAY = datetime(2026, 11, 24, 9, 0, tzinfo=UTC)
Change = Callable[..., Agreements]


def test_a_ladder_reminds_at_a_share_then_calls_in_at_due_and_after_it(town: Agreements) -> None:
    assert ladders.moments(town, "permits", "acknowledge", MONDAY, WEDNESDAY) == (
        Moment(TUESDAY, "acknowledge", 1, "remind", "permits"),  # half of the working time
        Moment(WEDNESDAY, "acknowledge", 2, "escalate", "concern-control"),
        Moment(FRIDAY, "acknowledge", 3, "escalate", "municipal-secretary"),
    )


def test_a_stage_without_rungs_and_a_department_without_a_ladder_call_nobody(town: Agreements) -> None:
    assert ladders.moments(town, "permits", "resolve", MONDAY, FRIDAY) == ()
    assert ladders.moments(town, "concern-control", "acknowledge", MONDAY, FRIDAY) == ()


def test_a_share_counts_as_the_promise_counts(changed: Change) -> None:
    wall = changed(("acknowledge: 2 working days", "acknowledge: 4 days"))
    friday, tuesday = datetime(2026, 11, 20, 16, 0, tzinfo=UTC), datetime(2026, 11, 24, 16, 0, tzinfo=UTC)
    assert ladders.moments(wall, "permits", "acknowledge", friday, tuesday)[0].due == datetime(
        2026, 11, 22, 16, 0, tzinfo=UTC
    )
    working = ladders.moments(wall, "permits", "acknowledge", friday, tuesday, promise="urgent")[0].due
    assert working == datetime(2026, 11, 23, 16, 0, tzinfo=UTC)


def test_moments_come_in_their_order_and_rungs_keep_the_number_of_the_file(changed: Change) -> None:
    town = changed(
        ("at: 50%, remind: department", "at: due + 1 weeks, escalate: parks"),
        ("at: due + 2 working days, escalate", "at: due - 1 days, escalate"),
    )
    found = ladders.moments(town, "permits", "acknowledge", MONDAY, WEDNESDAY)
    assert [(moment.rung, moment.due) for moment in found] == [
        (3, TUESDAY),
        (2, WEDNESDAY),
        (1, datetime(2026, 12, 2, 9, 0, tzinfo=UTC)),
    ]


def test_a_rung_before_the_start_has_no_moment(changed: Change) -> None:
    town = changed(("at: 50%", "at: due - 3 days"))
    assert [moment.rung for moment in ladders.moments(town, "permits", "acknowledge", MONDAY, WEDNESDAY)] == [2, 3]


def test_a_rung_calls_in_the_successor_of_a_retired_department(changed: Change) -> None:
    town = changed(
        (
            "Concerncontrol, calendar: office, promise: urgent",
            "Concerncontrol, calendar: office, promise: urgent, until: 2026-11-24, successor: parks",
        )
    )
    assert ladders.moments(town, "permits", "acknowledge", MONDAY, TUESDAY)[1].to == "concern-control"
    assert ladders.moments(town, "permits", "acknowledge", MONDAY, WEDNESDAY)[1].to == "parks"


def test_at_the_teams_stage_the_team_is_reminded(changed: Change) -> None:
    town = changed(("{stage: acknowledge, at: 50%, remind: department}", "{stage: confirm, at: 50%, remind: team}"))
    found = ladders.moments(town, "permits", "confirm", MONDAY, WEDNESDAY)
    assert found == (Moment(TUESDAY, "confirm", 1, "remind", "team"),)
