from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime

import pytest

from services.local.replay.cases import Cases, code_of
from services.local.replay.mapping import Mapping, parse

DAY = "2024-03-01T"


def test_a_row_that_cannot_be_read_is_listed_with_its_line_and_everything_that_is_wrong(
    mapping: Mapping, read_csv: Callable[..., Cases]
) -> None:
    cases = read_csv(mapping, f"one,read,{DAY}10:00Z,{DAY}09:00Z,General", "one,read,soon,later,???", ",read,,,")
    assert [(item.line, item.what, item.case) for item in cases.findings] == [(3, "row", "one"), (4, "row", "")]
    assert cases.findings[0].message.count(";") == 2
    assert cases.findings[1].message == "id is empty; at: '' is no moment in ISO 8601"
    assert [row.line for row in cases.cases["one"].rows] == [2]
    assert cases.rows == 3


def test_a_department_becomes_a_code_and_keeps_its_first_name(mapping: Mapping, read_csv: Callable[..., Cases]) -> None:
    lines = [
        f"{case},x,{DAY}10:00Z,{DAY}09:00Z,{name}"
        for case, name in [("a", "Customer contact"), ("b", "CUSTOMER CONTACT")]
    ]
    assert read_csv(mapping, *lines).departments == {"customer-contact": "Customer contact"}


@pytest.mark.parametrize(
    ("name", "code"),
    [
        ("Customer contact", "customer-contact"),
        ("  Sociaal-domein (Noord) ", "sociaal-domein-noord"),
        ("Café", "cafe"),
        ("???", ""),
        ("x" * 59 + " y", "x" * 59),
    ],
)
def test_the_code_of_a_name(name: str, code: str) -> None:
    assert code_of(name) == code


def test_a_case_that_names_another_start_later_contradicts_itself_and_the_first_counts(
    mapping: Mapping, read_csv: Callable[..., Cases]
) -> None:
    cases = read_csv(mapping, f"a,x,{DAY}10:00Z,{DAY}09:00Z,G", f"a,x,{DAY}11:00Z,{DAY}08:00Z,G", f"a,x,{DAY}12:00Z,,G")
    assert cases.cases["a"].columns["start"] == (datetime(2024, 3, 1, 9, tzinfo=UTC), 2)
    assert [(item.line, item.what) for item in cases.findings] == [(3, "contradiction")]


def test_the_end_of_the_log_is_the_latest_moment_that_it_names(
    mapping_text: str, read_csv: Callable[..., Cases]
) -> None:
    mapping = parse(mapping_text.replace("{activity: done}", "{column: ended}"))
    header = "id,what,at,begun,dept,ended"
    cases = read_csv(
        mapping, f"a,x,{DAY}10:00Z,{DAY}09:00Z,G,{DAY}12:00Z", f"b,x,{DAY}11:00Z,{DAY}09:00Z,G,", header=header
    )
    assert cases.end == datetime(2024, 3, 1, 12, tzinfo=UTC)


def test_a_case_with_a_name_that_no_event_can_hold_is_listed(mapping: Mapping, read_csv: Callable[..., Cases]) -> None:
    cases = read_csv(mapping, f"{'x' * 101},x,{DAY}10:00Z,{DAY}09:00Z,G", f"a\tb,x,{DAY}10:00Z,{DAY}09:00Z,G")
    assert [item.line for item in cases.findings] == [2, 3]
    assert not cases.cases
