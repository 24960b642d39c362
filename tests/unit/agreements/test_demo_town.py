"""The demo town, and what the demo needs of it."""

from pathlib import Path
from typing import Any

import pytest

from events.signals import KINDS
from services.agreements.loading import load
from services.agreements.model import Agreements
from services.agreements.routing import route

FILE = Path(__file__).parents[3] / "deploy" / "agreements.yaml"
OWN: dict[str, dict[str, Any]] = {
    "initiative-blocked": {"blockedBy": "permit"},
    "grievance-reported": {"recognised": False},
    "intervention-announced": {"department": "public-space", "heard": False},
}


@pytest.fixture(scope="module")
def demo_town() -> Agreements:
    return load(FILE)


def test_the_demo_town_has_five_departments_and_three_teams(demo_town: Agreements) -> None:
    assert (len(demo_town.departments), len(demo_town.teams)) == (5, 3)


def test_every_sender_of_the_demo_town_has_a_source_of_its_own(demo_town: Agreements) -> None:
    assert all(sender.sources for sender in (*demo_town.departments.values(), *demo_town.teams.values()))


@pytest.mark.parametrize("kind", KINDS)
def test_every_kind_has_a_route_of_its_own(demo_town: Agreements, kind: str) -> None:
    because = [routed.because for routed in route(demo_town, kind, OWN.get(kind, {}))]
    assert all(reason.startswith(("route", "announced")) for reason in because)
    assert bool(because) is (kind != "phase-changed")


def test_every_promise_of_the_demo_town_is_of_seconds_and_minutes(demo_town: Agreements) -> None:
    terms = [(made.acknowledge, made.resolve, made.confirm) for made in demo_town.promises.values()]
    assert {duration.unit for term in terms for duration in term} == {"seconds", "minutes"}
