import pytest

from services.agreements.model import Agreements
from services.agreements.senders import Sender, may_use, overlap, sender_of

WIJKAPP = "urn:nld:kvknr:09220932:systeem:wijkapp"
PERMITS = "urn:nld:oin:00000099000000001000:systeem:vergunningen"
GATEWAY = "urn:nld:oin:00000099000000001000:systeem:koikarper"


@pytest.mark.parametrize(
    ("sender", "source", "allowed"),
    [
        (("team", "noord"), WIJKAPP, True),
        (("team", "noord"), f"{WIJKAPP}/2", False),  # listed exactly
        (("team", "noord"), PERMITS, False),
        (("team", "zuid"), "urn:nld:kvknr:00000001:systeem:any", True),  # listed with a star
        (("department", "permits"), PERMITS, True),
        (("department", "noord"), WIJKAPP, False),  # a team is no department
        (("department", "parks"), "urn:nld:elders", True),  # lists none: whatever nobody else lists
        (("department", "parks"), WIJKAPP, False),
        (("department", "parks"), "urn:nld:kvknr:00000001:systeem:any", False),
        (("team", "unknown"), "urn:nld:elders", False),
        (("team", "unknown"), GATEWAY, False),
        (("team", "noord"), GATEWAY, True),  # the gateway speaks for everyone
        (("department", "permits"), GATEWAY, True),
    ],
)
def test_a_sender_uses_its_own_sources(town: Agreements, sender: Sender, source: str, allowed: bool) -> None:
    assert may_use(town, sender, source) is allowed


def test_a_source_tells_whose_it_is(town: Agreements) -> None:
    assert sender_of(town, WIJKAPP) == ("team", "noord")
    assert sender_of(town, PERMITS) == ("department", "permits")
    assert sender_of(town, "urn:nld:elders") is None


def test_the_gateways_source_is_no_ones_own(town: Agreements) -> None:
    assert town.source == GATEWAY
    assert sender_of(town, GATEWAY) is None


@pytest.mark.parametrize(
    ("one", "other", "shared"),
    [
        ("urn:a", "urn:a", True),
        ("urn:a", "urn:b", False),
        ("urn:a*", "urn:ab", True),
        ("urn:ab", "urn:a*", True),
        ("urn:ab*", "urn:a*", True),
        ("urn:a*", "urn:b*", False),
        ("urn:a", "urn:ab*", False),
        ("urn:a", "urn:a*", True),
    ],
)
def test_two_listed_sources_overlap_when_one_source_is_covered_by_both(one: str, other: str, shared: bool) -> None:
    assert overlap(one, other) is shared
