"""What Prometheus is told of the agreements."""

from pathlib import Path
from typing import Any

import pytest
from ruamel.yaml import YAML

from services.agreements.loading import parse
from services.cli.rules import NAME, rule_files

TOWN = (Path(__file__).parents[3] / "deploy" / "agreements.yaml").read_text("utf-8")


@pytest.fixture(scope="module")
def rules() -> list[dict[str, Any]]:
    """Of the demo town, if it promised what a real town promises."""
    real = TOWN.replace(
        "standard: {acknowledge: 20 seconds, resolve: 2 minutes,",
        "standard: {acknowledge: 2 working days, resolve: 10 weeks,",
    )
    assert real != TOWN
    return YAML(typ="safe").load(rule_files(parse(real))[NAME])["groups"][0]["rules"]


def labels_of(rules: list[dict[str, Any]], department: str, record: str) -> list[dict[str, str]]:
    return [rule["labels"] for rule in rules if rule["record"] == record and rule["labels"]["department"] == department]


def promises(rules: list[dict[str, Any]]) -> dict[tuple[str, str], str]:
    promised = [rule for rule in rules if rule["record"] == "koikarper:promise:seconds"]
    return {(rule["labels"]["department"], rule["labels"]["stage"]): rule["expr"] for rule in promised}


def test_a_promise_in_working_days_counts_as_from_a_plain_monday(rules) -> None:
    found = promises(rules)
    assert found["permits", "acknowledge"] == f"vector({2 * 24 * 3600})"
    assert found["concern-control", "acknowledge"] == "vector(10)"


def test_a_term_in_weeks_counts_every_day(rules) -> None:
    assert promises(rules)["permits", "resolve"] == f"vector({70 * 24 * 3600})"


def test_the_top_of_a_ladder_is_the_last_rung_of_each_stage_that_calls_somebody_in(rules) -> None:
    assert labels_of(rules, "permits", "koikarper:ladder_top_rung:info") == [
        {"department": "permits", "stage": "acknowledge", "rung": "3", "called": "municipal-secretary"},
        {"department": "permits", "stage": "resolve", "rung": "5", "called": "concern-control"},
    ]


def test_a_department_without_a_ladder_has_no_top(rules) -> None:
    assert labels_of(rules, "municipal-secretary", "koikarper:ladder_top_rung:info") == []


def test_every_department_has_the_promise_of_every_stage(rules) -> None:
    stages = [labels["stage"] for labels in labels_of(rules, "social-support", "koikarper:promise:seconds")]
    assert stages == ["acknowledge", "resolve", "confirm"]
