"""Nobody else can be the canary, and it goes to nobody else."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta

import pytest

from services.agreements import ladders, promises
from services.agreements.codes import unknown_codes
from services.agreements.loading import AgreementsError, parse
from services.agreements.model import Agreements
from services.agreements.routing import Routed, route
from services.agreements.senders import Sender, may_use, sender_of

AT = datetime(2026, 11, 24, 10, tzinfo=UTC)
YEARS = timedelta(days=19 * 365)
SOURCE = "urn:nld:oin:00000099000000001000:systeem:koikarper-canary"
DATA = {"team": "canary", "neighbourhood": "GM9999", "title": "Round"}
Changed = Callable[..., Agreements]


@pytest.mark.parametrize(
    ("pair", "line", "message"),
    [
        (("  parks: {name", "  canary: {name"), 17, "'canary' is reserved"),
        (("  zuid: {name", "  canary: {name"), 22, "'canary' is reserved"),
        (("kind: phase-changed", "kind: canary"), 26, "the kind 'canary' is reserved"),
        (("kind: phase-changed", "kind: [phase-changed, canary]"), 26, "the kind 'canary' is reserved"),
        (("kind: phase-changed}, to: []", "kind: phase-changed}, to: [canary]"), 26, "there is no department 'canary'"),
        (("default: concern-control", "default: canary"), 27, "there is no department 'canary'"),
    ],
)
def test_agreements_that_use_its_name_are_refused_with_line_and_reason(
    changed: Changed, pair: tuple[str, str], line: int, message: str
) -> None:
    with pytest.raises(AgreementsError) as refused:
        changed(pair)
    found = [problem for problem in refused.value.problems if message in problem.message]
    assert [problem.line for problem in found] == [line]


@pytest.mark.parametrize("when", ["{}", '{kind: "*"}', '{neighbourhood: "GM*"}'])
def test_it_goes_to_itself_past_every_route(changed: Changed, when: str) -> None:
    town = changed(("{when: {kind: phase-changed}, to: []}", f"{{when: {when}, to: [parks]}}"))
    assert route(town, "canary", DATA | {"departments": ["permits"]}, AT) == (
        Routed("canary", "the canary's own", "canary"),
    )


def test_no_moment_of_it_passes_in_the_life_of_a_promise(town: Agreements) -> None:
    dates = promises.dates(town, "canary", "canary", AT)
    confirm_by = promises.confirm_by(town, "canary", "canary", AT)
    assert min(dates.acknowledge_by, dates.resolve_by, confirm_by) > AT + YEARS
    assert ladders.moments(town, "canary", "acknowledge", AT, dates.acknowledge_by, promise="canary") == ()
    assert not town.is_retired("canary", AT + YEARS)


@pytest.mark.parametrize(
    ("sender", "source", "allowed"),
    [
        (("team", "canary"), SOURCE, True),
        (("department", "canary"), SOURCE, True),
        (("team", "canary"), "urn:nld:oin:00000099000000001000:systeem:koikarper", False),
        (("team", "canary"), "urn:nld:kvknr:09220932:systeem:wijkapp", False),
        (("team", "noord"), SOURCE, False),
        (("department", "parks"), SOURCE, False),  # lists nothing
    ],
)
def test_its_source_is_its_own_and_its_only_one(town: Agreements, sender: Sender, source: str, allowed: bool) -> None:
    assert may_use(town, sender, source) is allowed


def test_a_listed_pattern_that_covers_its_source_does_not_give_it_away(changed: Changed) -> None:
    town = changed(("systeem:vergunningen", "systeem:*"))
    assert not may_use(town, ("department", "permits"), SOURCE)
    assert may_use(town, ("team", "canary"), SOURCE)


def test_only_a_canary_may_name_the_canary(town: Agreements) -> None:
    assert unknown_codes(town, "canary", DATA) == []
    assert unknown_codes(town, "phase-changed", DATA) == ["data.team: there is no team 'canary'"]
    named = {"team": "noord", "departments": ["canary"]}
    assert unknown_codes(town, "phase-changed", named) == ["data.departments[0]: there is no department 'canary'"]


def test_it_is_in_no_list_and_every_version_has_it(text: str, town: Agreements) -> None:
    assert "canary" not in {*town.departments, *town.teams, *town.promises, *town.calendars}
    assert parse(text) == town
    assert "canary" not in text
    assert sender_of(town, SOURCE) is None
