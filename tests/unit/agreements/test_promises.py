from datetime import UTC, datetime

from services.agreements import promises
from services.agreements.model import Agreements

MONDAY = datetime(2026, 11, 23, 9, 0, tzinfo=UTC)  # 10:00 in Voorbeeldstad


def test_a_promise_becomes_two_dates_on_the_departments_calendar(town: Agreements) -> None:
    dates = promises.dates(town, "permits", "standard", MONDAY)
    assert dates.acknowledge_by == datetime(2026, 11, 25, 9, 0, tzinfo=UTC)
    assert dates.resolve_by == datetime(2027, 2, 1, 9, 0, tzinfo=UTC)


def test_another_promise_than_the_departments_own_can_be_made(town: Agreements) -> None:
    dates = promises.dates(town, "permits", "urgent", MONDAY)
    assert dates.acknowledge_by == datetime(2026, 11, 23, 13, 30, tzinfo=UTC)  # four hours and the lunch break
    assert dates.resolve_by == datetime(2026, 11, 30, 9, 0, tzinfo=UTC)


def test_the_team_has_its_own_term_to_confirm(town: Agreements) -> None:
    assert promises.confirm_by(town, "permits", "standard", MONDAY) == datetime(2026, 11, 30, 9, 0, tzinfo=UTC)


def test_an_extension_reaches_as_far_as_the_promise_allows(town: Agreements) -> None:
    resolve_by = datetime(2026, 11, 26, 9, 0, tzinfo=UTC)
    # four weeks later is Thursday 24 December; the calendar's closed day is no recognised holiday
    expected = datetime(2026, 12, 24, 9, 0, tzinfo=UTC)
    assert promises.latest_extension(town, "permits", "standard", resolve_by) == expected


def test_without_extensions_the_date_that_stands_is_the_latest(town: Agreements) -> None:
    assert promises.latest_extension(town, "permits", "urgent", MONDAY) == MONDAY
