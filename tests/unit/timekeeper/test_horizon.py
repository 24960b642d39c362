"""How far time may have passed, by what the ledger has read."""

from datetime import UTC, datetime, timedelta

from hypothesis import given
from hypothesis import strategies as st

from services.agreements.loading import parse
from services.timekeeper.horizon import asked_for, horizon
from tests.integration.ledger.desk import TOWN

NOON = datetime(2026, 3, 2, 12, tzinfo=UTC)
SETTLE = timedelta(seconds=60)
ONE, TWO, THREE = ("a", 0), ("a", 1), ("b", 0)


def ago(seconds: float) -> datetime:
    return NOON - timedelta(seconds=seconds)


def test_time_has_passed_until_the_earliest_partition_less_the_settle_time() -> None:
    found = horizon({ONE: NOON, TWO: ago(30), THREE: ago(90)}, {ONE, TWO, THREE}, SETTLE, NOON)
    assert found.at == ago(150)
    assert found.held_by == (THREE,)


def test_a_partition_without_a_row_was_not_read_so_no_time_passes() -> None:
    found = horizon({ONE: NOON}, {ONE, TWO}, SETTLE, NOON)
    assert (found.at, found.held_by) == (None, (TWO,))


def test_a_partition_that_was_only_taken_over_was_not_read() -> None:
    found = horizon({ONE: NOON, TWO: None}, {ONE, TWO}, SETTLE, NOON)
    assert (found.at, found.held_by) == (None, (TWO,))


def test_nothing_asked_for_and_nothing_read_is_no_horizon() -> None:
    assert horizon({}, set(), SETTLE, NOON).at is None


def test_a_partition_more_than_the_catalogue_gives_a_topic_counts_too() -> None:
    assert horizon({ONE: NOON, TWO: ago(90)}, {ONE}, SETTLE, NOON).at == ago(150)


def test_a_dead_workers_partitions_are_named_together_and_the_others_are_not() -> None:
    found = horizon({ONE: ago(100), TWO: ago(98), THREE: NOON}, {ONE, TWO, THREE}, SETTLE, NOON)
    assert found.held_by == (ONE, TWO)


@given(st.dictionaries(st.sampled_from([ONE, TWO, THREE]), st.none() | st.integers(0, 999).map(ago)))
def test_no_partition_that_is_asked_for_is_ever_read_less_far_than_time_has_passed(
    read_until: dict[tuple[str, int], datetime | None],
) -> None:
    asked = {ONE, TWO, THREE}
    found = horizon(read_until, asked, SETTLE, NOON)
    if found.at is None:
        assert any(read_until.get(place) is None for place in asked)
    else:
        moments = [read_until[place] for place in asked]
        assert all(moment is not None and moment - SETTLE >= found.at for moment in moments)


def test_every_input_topic_is_asked_for_with_all_its_partitions() -> None:
    places = asked_for([parse(TOWN)])
    topics = {topic for topic, _ in places}
    assert {"department.permits.answers", "department.parks.answers", "team.zuid.answers", "loop.retries"} <= topics
    assert {number for topic, number in places if topic == "neighbourhood.initiative-blocked"} == set(range(6))
    assert ("department.permits.answers", 1) not in places
    assert not any(topic.endswith((".assignments", ".feedback")) for topic in topics)


def test_a_department_that_only_other_agreements_know_is_asked_for_as_well() -> None:
    newer = TOWN.replace("teams:", "  roads: {name: Wegen, calendar: office, promise: standard}\nteams:", 1)
    roads = ("department.roads.answers", 0)
    assert roads not in asked_for([parse(TOWN)])
    assert roads in asked_for([parse(TOWN), parse(newer)])


def test_what_a_ledger_reads_instead_is_all_that_is_asked_for() -> None:
    assert asked_for([parse(TOWN)], ("replay.input",)) == {("replay.input", 0)}
    six = asked_for([parse(TOWN)], ("neighbourhood.initiative-blocked",))
    assert six == {("neighbourhood.initiative-blocked", number) for number in range(6)}


def test_a_broker_whose_clock_runs_ahead_makes_nothing_due() -> None:
    assert horizon({ONE: NOON + timedelta(days=1)}, {ONE}, SETTLE, NOON).at == NOON - SETTLE
