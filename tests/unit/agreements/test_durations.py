import pytest

from services.agreements.durations import Duration, parse


@pytest.mark.parametrize(
    ("text", "duration"),
    [
        ("30 seconds", Duration(30, "seconds")),
        ("15 minutes", Duration(15, "minutes")),
        ("1 hour", Duration(1, "hours")),
        ("7 days", Duration(7, "days")),
        ("10 weeks", Duration(10, "weeks")),
        ("4 working hours", Duration(4, "hours", working=True)),
        ("1 working day", Duration(1, "days", working=True)),
        ("  2  working  days ", Duration(2, "days", working=True)),
    ],
)
def test_a_duration_is_read_as_people_write_it(text: str, duration: Duration) -> None:
    assert parse(text) == duration


@pytest.mark.parametrize(
    "text", ["", "2", "days", "two days", "-1 days", "1.5 hours", "2 werkdagen", "2 months", "2days", "٢ days"]
)
def test_what_is_no_duration_is_refused_with_an_example(text: str) -> None:
    with pytest.raises(ValueError, match=r"is no duration; write for example"):
        parse(text)


@pytest.mark.parametrize("text", ["5 working minutes", "3 working seconds", "2 working weeks"])
def test_working_time_is_counted_in_hours_or_days_only(text: str) -> None:
    with pytest.raises(ValueError, match="hours or days"):
        parse(text)


@pytest.mark.parametrize("text", ["0 days", "0 working hours"])
def test_nothing_is_no_duration(text: str) -> None:
    with pytest.raises(ValueError, match="at least 1"):
        parse(text)


def test_an_amount_beyond_twenty_years_is_taken_for_a_slip_of_the_hand() -> None:
    assert parse("1000 weeks").amount == 1000
    with pytest.raises(ValueError, match="twenty years"):
        parse("10000 weeks")


@pytest.mark.parametrize("text", ["30 seconds", "4 working hours", "2 working days", "10 weeks"])
def test_a_duration_is_written_as_it_is_read(text: str) -> None:
    assert str(parse(text)) == text
