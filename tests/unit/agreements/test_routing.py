from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

import pytest

from services.agreements.model import Agreements
from services.agreements.routing import Routed, route

Change = Callable[..., Agreements]
REPORT: dict[str, Any] = {"team": "noord", "neighbourhood": "WK999901", "title": "Buurttuin"}
BLOCKED: dict[str, Any] = REPORT | {"initiative": "Buurttuin", "blockedBy": "permit"}


def chosen(town: Agreements, kind: str, data: dict[str, Any]) -> dict[str, str]:
    return {routed.department: routed.because for routed in route(town, kind, data)}


def test_a_route_that_matches_adds_its_department_with_its_reason_and_promise(town: Agreements) -> None:
    assert route(town, "initiative-blocked", BLOCKED) == (
        Routed("permits", "route 1: kind=initiative-blocked, blockedBy=permit", "standard"),
    )


def test_a_route_can_give_another_promise_than_the_departments_own(changed: Change) -> None:
    town = changed(("to: [permits]}", "to: [permits], promise: urgent}"))
    assert route(town, "initiative-blocked", BLOCKED)[0].promise == "urgent"


def test_every_route_that_matches_adds_its_departments_once_each(changed: Change) -> None:
    town = changed(
        ("to: [permits]}", "to: [permits]}\n  - {when: {kind: initiative-*}, to: [parks, permits], promise: urgent}")
    )
    assert route(town, "initiative-blocked", BLOCKED) == (
        Routed(
            "permits", "route 1: kind=initiative-blocked, blockedBy=permit", "urgent"
        ),  # a promise that is named counts
        Routed("parks", "route 2: kind=initiative-*", "urgent"),
    )


def test_what_no_route_matches_goes_to_the_default(town: Agreements) -> None:
    assert route(town, "initiative-blocked", BLOCKED | {"blockedBy": "funding"}) == (
        Routed("concern-control", "default", "urgent"),
    )


def test_a_route_to_nobody_notes_a_signal_and_keeps_the_default_away(town: Agreements) -> None:
    assert route(town, "phase-changed", REPORT | {"phase": "sour"}) == ()


def test_a_route_to_nobody_does_not_undo_a_hint(town: Agreements) -> None:
    data = REPORT | {"phase": "sour", "departments": ["parks"]}
    assert chosen(town, "phase-changed", data) == {"parks": "named by the team"}


def test_owners_of_a_rule_are_those_whose_globs_cover_it_and_the_one_it_names(town: Agreements) -> None:
    rule = {"code": "apv  4:12", "owner": "municipal-secretary"}  # capitals and spaces make no difference
    found = chosen(town, "custom-solution-requested", REPORT | {"rule": rule})
    assert found == dict.fromkeys(["municipal-secretary", "permits", "parks"], "owner of rule apv  4:12")


def test_each_of_several_rules_finds_its_owner(town: Agreements) -> None:
    rules = [{"code": "Wmo 2.3", "owner": "parks"}, {"code": "APV 2:10"}]
    found = chosen(town, "rules-conflicting", REPORT | {"rules": rules})
    assert found == {"parks": "owner of rule Wmo 2.3", "permits": "owner of rule APV 2:10"}


def test_owners_of_an_agenda_are_those_whose_globs_cover_it_and_the_one_it_names(town: Agreements) -> None:
    agendas = [{"name": "Groenvisie 2030"}, {"name": "Woonvisie", "owner": "municipal-secretary"}]
    found = chosen(town, "agendas-crossing", REPORT | {"agendas": agendas})
    assert found == {"parks": "owner of agenda Groenvisie 2030", "municipal-secretary": "owner of agenda Woonvisie"}


def test_the_department_that_intervenes_is_assigned_its_own_intervention(town: Agreements) -> None:
    found = chosen(town, "intervention-announced", REPORT | {"department": "parks", "intervention": "Kap"})
    assert found == {"parks": "announced the intervention"}


def test_the_teams_own_hint_only_adds(town: Agreements) -> None:
    found = chosen(town, "initiative-blocked", BLOCKED | {"departments": ["parks", "permits"]})
    assert found == {"permits": "route 1: kind=initiative-blocked, blockedBy=permit", "parks": "named by the team"}


@pytest.mark.parametrize(
    ("when", "data", "matches"),
    [
        ("blockedBy: [permit, rule]", {"blockedBy": "rule"}, True),
        ("blockedBy: [permit, rule]", {"blockedBy": "funding"}, False),
        ("neighbourhood: WK9999*", {}, True),
        ("neighbourhood: BU9999*", {}, False),
        ("team: noord", {}, True),
        ("team: z*", {}, False),
        ("departments: parks", {"departments": ["permits", "parks"]}, True),
        ("caseReference: Z-*", {}, False),  # a field that the signal does not have
        ("caseReference: Z-*", {"caseReference": "Z-2026-1"}, True),
    ],
)
def test_a_route_goes_by_any_field_with_one_or_more_values(
    changed: Change, when: str, data: dict[str, Any], matches: bool
) -> None:
    town = changed(("blockedBy: permit}, to: [permits]", f"{when}}}, to: [municipal-secretary]"))
    assert ("municipal-secretary" in chosen(town, "initiative-blocked", BLOCKED | data)) is matches


@pytest.mark.parametrize(("heard", "matches"), [(True, False), (False, True), (None, False)])
def test_yes_and_no_are_written_as_in_an_event(changed: Change, heard: bool | None, matches: bool) -> None:
    town = changed(("{kind: grievance-reported}, to", "{kind: intervention-announced, heard: false}, to"))
    found = chosen(town, "intervention-announced", REPORT | {"department": "parks", "heard": heard})
    assert ("concern-control" in found) is matches


def test_a_sender_cannot_pass_for_another_kind_by_a_field_of_its_own(town: Agreements) -> None:
    found = chosen(town, "agendas-crossing", REPORT | {"kind": "grievance-reported", "agendas": []})
    assert found == {"concern-control": "default"}


def test_work_for_a_retired_department_goes_to_its_successor_from_the_day_after(changed: Change) -> None:
    town = changed(
        ('rules: ["APV *"], agendas: ["Horecanota"],', 'rules: ["APV *"], until: 2026-11-24, successor: parks,')
    )
    last_day, day_after = datetime(2026, 11, 24, 22, 59, tzinfo=UTC), datetime(2026, 11, 24, 23, 0, tzinfo=UTC)
    assert [routed.department for routed in route(town, "initiative-blocked", BLOCKED, last_day)] == ["permits"]
    assert route(town, "initiative-blocked", BLOCKED, day_after) == (
        Routed("parks", "route 1: kind=initiative-blocked, blockedBy=permit (successor of permits)", "standard"),
    )


def test_successors_are_followed_to_the_first_that_is_not_retired(changed: Change) -> None:
    town = changed(
        ('rules: ["APV *"], agendas: ["Horecanota"],', "until: 2026-01-01, successor: parks,"),
        ('rules: ["APV 4:*"], agendas: ["Groen*"]', "until: 2026-06-30, successor: municipal-secretary"),
    )
    at = datetime(2026, 11, 24, tzinfo=UTC)
    assert [routed.department for routed in route(town, "initiative-blocked", BLOCKED, at)] == ["municipal-secretary"]
