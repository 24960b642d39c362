from __future__ import annotations

from pathlib import Path

import pytest

from services.local.replay.faults import MappingError
from services.local.replay.mapping import load, parse

REPLAYS = Path(__file__).parents[4] / "deploy/replay"


def problems(text: str) -> list[tuple[int, int, str]]:
    with pytest.raises(MappingError) as caught:
        parse(text)
    return [(item.line, item.column, item.message) for item in caught.value.problems]


def test_the_mapping_of_the_receipt_log_is_read() -> None:
    mapping = load(REPLAYS / "receipt.yaml")
    assert mapping.columns == (
        "case:concept:name",
        "concept:name",
        "time:timestamp",
        "case:startdate",
        "case:department",
        "case:enddate",
    )


def test_every_mistake_is_told_at_once_with_its_line_and_column(mapping_text: str) -> None:
    text = mapping_text.replace("kind: formality-disproportionate", "kind: formality")
    text = text.replace("hand-over:", "handover:").replace("8 weeks", "soon").replace("{activity: read}", "{}")
    found = problems(text)
    assert [(line, column) for line, column, _ in found] == [(7, 1), (14, 1), (15, 1), (17, 40)]
    assert "did you mean 'hand-over'?" in found[2][2]
    assert "no duration" in found[3][2]


def test_a_missing_key_is_told_by_name(mapping_text: str) -> None:
    assert problems(mapping_text.replace("case: id\n", "")) == [(2, 1, "case: is required")]


def test_the_fields_of_the_signal_are_checked_as_the_loop_checks_them(mapping_text: str) -> None:
    text = mapping_text.replace("  formality: A permit of eleven pages\n", "").replace("BU99990101", "Noord")
    text = text.replace("A bench in the sun", "mail bench@example.nl")
    messages = "\n".join(message for _, _, message in problems(text))
    assert "report.formality: is required" in messages
    assert "report.neighbourhood:" in messages
    assert "an e-mail address" in messages


@pytest.mark.parametrize("field", ["team: noord", "departments: [permits]", "since: 2024-01-01", "caseReference: x"])
def test_what_the_log_says_cannot_be_a_constant(mapping_text: str, field: str) -> None:
    found = problems(mapping_text.replace("  stake:", f"  {field}\n  stake:"))
    assert [(line, column) for line, column, _ in found] == [(12, 3)]
    assert "leave it out" in found[0][2]


def test_an_owner_of_a_rule_would_get_the_signal_too_and_is_refused(mapping_text: str) -> None:
    text = mapping_text.replace("  stake:", "  rule: {code: APV 2, owner: permits}\n  stake:")
    assert problems(text) == [(12, 23, "report.rule.owner: leave it out: the log says which department answers")]


def test_a_key_that_stands_twice_is_refused_where_it_stands_again(mapping_text: str) -> None:
    assert problems(mapping_text + "case: other\n") == [(18, 1, "case: this key stands here twice")]


def test_an_anchor_is_refused(mapping_text: str) -> None:
    assert "anchors" in problems(mapping_text.replace("case: id", "case: &x id"))[0][2]


def test_text_that_is_no_yaml_is_refused_with_its_place() -> None:
    assert problems("case: [id")[0][2].startswith("this is no YAML")
    assert problems("") == [(1, 1, "the file is empty; deploy/replay holds an example")]


def test_a_file_that_is_no_mapping_is_refused() -> None:
    assert "valid dictionary" in problems("- case")[0][2]


def test_a_hand_over_needs_more_than_one_department(mapping_text: str) -> None:
    text = mapping_text.replace("{column: dept}", "{constant: permits}")
    assert "one constant department" in problems(text)[0][2]


def test_an_answer_is_an_activity_or_a_column_and_not_both(mapping_text: str) -> None:
    text = mapping_text.replace("{activity: done}", "{activity: done, column: ended}")
    assert [message.split(":")[0] for _, _, message in problems(text)] == ["resolve"]


def test_a_lifecycle_is_read_from_its_column(mapping_text: str) -> None:
    mapping = parse(mapping_text.replace("{activity: done}", "{activity: [done, over], lifecycle: complete}"))
    assert "lifecycle:transition" in mapping.columns
    assert mapping.resolve.counts("over", "complete")
    assert not mapping.resolve.counts("over", "start")
    assert not mapping.resolve.counts("read", "complete")


def test_a_file_that_is_not_there_is_told(tmp_path: Path) -> None:
    with pytest.raises(MappingError, match="cannot be read"):
        load(tmp_path / "none.yaml")
