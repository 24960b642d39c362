"""The kind of signal that the machinery sends itself: read by the loop, published for nobody."""

from datetime import UTC, datetime

import pytest

from events.catalogue import CATALOGUE, kind_of, neighbourhood_topics
from events.envelope import structured
from events.faults import Unreadable
from events.outcomes import Assigned
from events.reading import read_input
from events.schemas import schema_of
from events.signals import KINDS, Canary

AT = datetime(2026, 11, 24, 10, tzinfo=UTC)
TYPE = "nl.koikarper.signals.canary.v1"


def event(**data):
    body = {"team": "canary", "neighbourhood": "GM9999", "title": "Round"} | data
    return structured(id_="1", source="urn:canary", type_=TYPE, time=AT, data=body)


def test_the_loop_reads_it() -> None:
    assert isinstance(read_input(event(), AT, strict=True).data, Canary)
    assert kind_of(TYPE) == "canary"


def test_no_team_can_report_it_and_hears_why() -> None:
    with pytest.raises(Unreadable, match="must be canary: the machinery sends this kind to itself") as refused:
        read_input(event(team="noord"), AT, strict=False)
    assert [fault.where for fault in refused.value.faults] == ["data.team"]


def test_it_is_no_kind_that_people_have() -> None:
    assert "canary" not in KINDS
    assert TYPE not in CATALOGUE
    assert "neighbourhood.canary" not in {topic.name for topic in neighbourhood_topics()}


def test_what_is_published_of_an_assignment_names_the_kinds_of_people() -> None:
    definitions = schema_of("nl.koikarper.assignments.assigned.v1")["$defs"]
    assert definitions["Assigned"]["properties"]["kind"] == {"enum": list(KINDS), "type": "string"}
    assert "canary" in str(Assigned.model_fields["kind"].annotation)
