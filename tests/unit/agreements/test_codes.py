from typing import Any

import pytest

from services.agreements.codes import unknown_codes
from services.agreements.model import Agreements

REPORT: dict[str, Any] = {"team": "noord", "neighbourhood": "WK999901", "title": "Buurttuin"}


def test_a_signal_of_known_codes_has_no_fault(town: Agreements) -> None:
    data = REPORT | {"departments": ["parks"], "rule": {"code": "APV 2:10", "owner": "permits"}}
    assert unknown_codes(town, "initiative-blocked", data) == []


@pytest.mark.parametrize(
    ("kind", "change", "expected"),
    [
        ("phase-changed", {"team": "nord"}, "data.team: there is no team 'nord'; did you mean 'noord'?"),
        (
            "phase-changed",
            {"departments": ["parks", "perks"]},
            "data.departments[1]: there is no department 'perks'; did you mean 'parks'?",
        ),
        (
            "initiative-blocked",
            {"rule": {"code": "x", "owner": "police"}},
            "data.rule.owner: there is no department 'police'",
        ),
        (
            "rules-conflicting",
            {"rules": [{"code": "x"}, {"code": "y", "owner": "police"}]},
            "data.rules[1].owner: there is no department 'police'",
        ),
        (
            "agendas-crossing",
            {"agendas": [{"name": "x", "owner": "police"}]},
            "data.agendas[0].owner: there is no department 'police'",
        ),
        ("intervention-announced", {"department": "police"}, "data.department: there is no department 'police'"),
        (
            "phase-changed",
            {"neighbourhood": "WK123401"},
            "data.neighbourhood: no team of Voorbeeldstad works in 'WK123401'",
        ),
        (
            "intervention-announced",
            {"neighbourhoods": ["GM9999", "BU12340101"]},
            "data.neighbourhoods[1]: no team of Voorbeeldstad works in 'BU12340101'",
        ),
    ],
)
def test_each_unknown_code_is_named_with_its_path(
    town: Agreements, kind: str, change: dict[str, Any], expected: str
) -> None:
    assert unknown_codes(town, kind, REPORT | change) == [expected]


def test_all_unknown_codes_are_named_at_once(town: Agreements) -> None:
    data = REPORT | {"team": "x", "neighbourhood": "GM0001", "departments": ["y"]}
    assert len(unknown_codes(town, "phase-changed", data)) == 3


@pytest.mark.parametrize("code", ["GM9999", "WK999901", "BU99990102", "BU9999AD03", "WK9999AD"])
def test_a_place_is_known_when_it_is_holds_or_lies_in_a_teams_neighbourhood(town: Agreements, code: str) -> None:
    assert unknown_codes(town, "phase-changed", REPORT | {"neighbourhood": code}) == []


@pytest.mark.parametrize("code", ["GM1234", "WK999902", "BU99990201", "BU9999AD04", "WK9999AE"])
def test_a_place_where_no_team_works_is_unknown(town: Agreements, code: str) -> None:
    assert unknown_codes(town, "phase-changed", REPORT | {"neighbourhood": code}) != []
