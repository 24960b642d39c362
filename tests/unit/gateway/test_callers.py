"""Who a token's claims name."""

import pytest

from services.agreements.loading import parse
from services.gateway.callers import ALGORITHMS, Caller, caller_of
from services.gateway.problems import Problem
from services.ledger.queries import Scope

AGREEMENTS = parse("""
municipality: {code: GM9999, name: Voorbeeldstad, oin: "00000099000000001000"}
calendars:
  office: {timezone: Europe/Amsterdam, hours: {mon-fri: ["09:00-17:00"]}, holidays: NL, closed: []}
promises:
  standard: {acknowledge: 8 hours, resolve: 48 hours, confirm: 24 hours, extensions: 0}
departments:
  permits: {name: Vergunningen, calendar: office, promise: standard}
teams:
  noord: {name: Wijkteam Noord, neighbourhoods: [WK999901]}
default: permits
patterns: {signals: 3, within: 90 days}
""")


@pytest.mark.parametrize(
    ("claims", "caller", "scope"),
    [
        ({"team": "noord"}, Caller("team", "noord"), Scope(team="noord")),
        ({"department": "permits"}, Caller("department", "permits"), Scope(department="permits")),
        ({"role": "operator", "team": None}, Caller("operator"), Scope()),
    ],
)
def test_one_claim_names_the_caller_and_what_it_may_read(claims, caller, scope):
    found = caller_of(claims, AGREEMENTS)
    assert (found, found.scope) == (caller, scope)


@pytest.mark.parametrize(
    "claims",
    [
        {},
        {"team": "permits"},
        {"department": "noord"},
        {"team": ""},
        {"team": ["noord"]},
        {"team": {"noord": 1}},
        {"role": "admin"},
        {"role": True},
        {"team": "noord", "department": "permits"},
        {"team": "noord", "role": "operator"},
    ],
)
def test_claims_that_name_nobody_or_two_are_forbidden(claims):
    with pytest.raises(Problem) as refused:
        caller_of(claims, AGREEMENTS)
    assert refused.value.status == 403


def test_an_operator_speaks_for_nobody():
    assert Caller("operator").sender is None
    assert Caller("team", "noord").sender == ("team", "noord")


def test_only_asymmetric_algorithms_are_taken():
    assert not [name for name in ALGORITHMS if name.startswith("HS") or name == "none"]
