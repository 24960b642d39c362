"""What the page counts: nothing is lost in a class, a mark or a period, and who still waits is in every share."""

from datetime import UTC, datetime, timedelta

from hypothesis import given
from hypothesis import strategies as st

from services.ledger.single_waits import SingleWait
from services.report.bins import BINS_MAX, bins
from services.report.figures import Age, figures
from services.report.marks import COLUMNS, levels, marks, per_mark, stacks
from services.report.periods import PERIODS_MAX, UNITS, periods, unit_for

NOW = datetime(2026, 11, 24, 9, 27, tzinfo=UTC)
LENGTHS = st.lists(st.floats(0, 200 * 365 * 86_400, allow_nan=False), max_size=60)
MOMENTS = st.datetimes(datetime(1990, 1, 1), datetime(2026, 11, 24), timezones=st.just(UTC))  # noqa: DTZ001 - the strategy adds UTC


@st.composite
def waits(draw: st.DrawFn) -> SingleWait:
    """Any wait that the ledger can hold: open or answered, decided or not, written down or not."""
    since = draw(st.none() | MOMENTS)
    verdict = draw(st.sampled_from(["met", "missed", None]))
    overdue = since is not None and draw(st.booleans())
    late = overdue and verdict is None
    answered = None if since is not None else draw(st.floats(0, 1e9))
    decided_at = draw(MOMENTS) if verdict or late else None
    return SingleWait(
        "d", "resolve", since, answered, draw(st.none() | st.floats(1, 1e8)), overdue, late, verdict, decided_at
    )


@given(st.lists(waits(), max_size=40))
def test_the_share_on_time_counts_every_promise_that_was_kept_or_broken(some: list[SingleWait]) -> None:
    found = figures(some, NOW)
    met = [wait for wait in some if wait.verdict == "met"]
    broken = [wait for wait in some if wait.verdict == "missed" or (wait.is_overdue and wait.verdict is None)]
    assert found.share_on_time == (len(met) / len(met + broken) if met or broken else None)
    assert found.open == sum(wait.answered_seconds is None for wait in some)
    assert found.overdue <= found.open
    assert len(found.answered) + found.open == len(some)


@given(st.lists(waits(), min_size=1, max_size=40))
def test_who_is_never_answered_lowers_the_share(some: list[SingleWait]) -> None:
    before = figures(some, NOW)
    silent = SingleWait("d", "resolve", NOW - timedelta(days=90), None, 1.0, True, True, None, NOW)
    after = figures([*some, silent], NOW)
    if before.met:
        assert after.share_on_time is not None
        assert before.share_on_time is not None
        assert after.share_on_time < before.share_on_time
    assert after.open == before.open + 1


@given(LENGTHS, LENGTHS)
def test_every_length_lies_in_one_class_and_each_class_where_it_says(
    lengths: list[float], promised: list[float]
) -> None:
    found = bins(lengths, promised)
    assert 1 <= len(found.edges) <= BINS_MAX
    assert list(found.edges) == sorted(set(found.edges))
    assert sum(found.counts(lengths)) == len(lengths)
    assert len(found.names) == len(found.counts(lengths)) == len(found.marks)
    for number, edge in enumerate(found.edges):
        if number + 1 < len(found.edges):
            assert sum(found.counts(lengths)[: number + 1]) == sum(one <= edge for one in lengths)  # exactly is within


@given(LENGTHS, st.lists(st.floats(0, 100 * 365 * 86_400), min_size=2, max_size=9))
def test_the_axis_of_classes_keeps_the_order_of_lengths(lengths: list[float], asked: list[float]) -> None:
    found = bins(lengths, asked)
    places = [found.place(one) for one in sorted(asked)]
    assert places == sorted(places)
    assert all(0 <= place <= len(found.edges) for place in places)


@given(st.lists(st.lists(st.tuples(st.floats(0, 1000), st.booleans()), max_size=300), min_size=1, max_size=6))
def test_marks_fit_and_stand_for_all_who_wait(groups: list[list[tuple[float, bool]]]) -> None:
    found = [stacks([Age(*one) for one in group], 1000) for group in groups]
    size = per_mark(found)
    for group, stack in zip(groups, found, strict=True):
        drawn = marks(stack, size)
        assert all(0 <= one.column < COLUMNS and 0 <= one.level < levels(found) for one in drawn)
        for is_overdue in (True, False):
            count = sum(late == is_overdue for _, late in group)
            shown = sum(one.is_overdue == is_overdue for one in drawn)
            assert shown <= count <= shown * size
            assert size > 1 or shown == count


@given(st.lists(waits(), min_size=1, max_size=40))
def test_every_decision_stands_in_one_period(some: list[SingleWait]) -> None:
    decided = [wait.decided_at for wait in some if wait.decided_at]
    first = min([*decided, NOW])
    unit = unit_for(first, NOW)
    found = periods(some, unit, first, NOW)
    assert sum(one.met for one in found) == sum(wait.verdict == "met" for wait in some)
    assert sum(one.met + one.missed for one in found) == len(decided)
    assert len(found) <= PERIODS_MAX or unit is UNITS[-1]
    assert [one.start for one in found] == sorted({one.start for one in found})


def test_the_hour_that_comes_twice_in_autumn_is_two_periods() -> None:
    hour = next(unit for unit in UNITS if unit.name == "uur")
    first = datetime(2026, 10, 25, 0, 30, tzinfo=UTC)
    last = datetime(2026, 10, 25, 1, 30, tzinfo=UTC)
    some = [SingleWait("d", "resolve", None, 1.0, None, False, False, "met", at) for at in (first, last)]
    found = periods(some, hour, first, last)
    assert [(hour.mark(one.start), one.met) for one in found] == [("02:00", 1), ("02:00", 1)]


def test_a_week_begins_on_monday_in_amsterdam() -> None:
    week = next(unit for unit in UNITS if unit.name == "week")
    assert week.floor(datetime(2026, 3, 29, 21, 59, tzinfo=UTC)) == datetime(2026, 3, 22, 23, tzinfo=UTC)
    assert week.floor(datetime(2026, 3, 29, 22, tzinfo=UTC)) == datetime(2026, 3, 29, 22, tzinfo=UTC)
