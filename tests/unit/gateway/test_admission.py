"""What may pass the gateway, without anything running."""

import json
import uuid
from datetime import UTC, datetime
from typing import Any

import pytest

from events.envelope import BATCH, SIZE_MAX, STRUCTURED, encode
from events.identifiers import signal_id
from services.agreements.loading import parse
from services.gateway.admission import Submission, admit, own_signal, read, topic_of, with_trace
from services.gateway.callers import Caller
from services.gateway.problems import Problem

TOWN = parse("""
municipality: {code: GM9999, name: Voorbeeldstad, oin: "00000099000000001000"}
calendars:
  office: {timezone: Europe/Amsterdam, hours: {mon-fri: ["09:00-17:00"]}, holidays: NL, closed: []}
promises:
  standard: {acknowledge: 8 hours, resolve: 48 hours, confirm: 24 hours, extensions: 0}
departments:
  permits: {name: Vergunningen, calendar: office, promise: standard, sources: ["urn:permits"]}
  parks: {name: Groen, calendar: office, promise: standard}
teams:
  noord: {name: Wijkteam Noord, neighbourhoods: [WK999901], sources: ["urn:noord:*"]}
default: permits
patterns: {signals: 3, within: 90 days}
""")
NOW = datetime(2026, 11, 24, 9, tzinfo=UTC)
NOORD = Caller("team", "noord")
PERMITS = Caller("department", "permits")
TRACE = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"


def event(name: str = "signals.phase-changed", source: str = "urn:noord:app", **data: Any) -> dict[str, Any]:
    body = {"team": "noord", "neighbourhood": "WK999901", "title": "Koi", "phase": "sweet"}
    return {
        "specversion": "1.0",
        "id": str(uuid.uuid4()),
        "source": source,
        "type": f"nl.koikarper.{name}.v1",
        "data": data or body,
    }


def admitted(raw: dict[str, Any], caller: Caller) -> Any:
    (found,) = admit(Submission([raw], batch=False), caller, TOWN, NOW)
    return found


def refusal(raws: list[dict[str, Any]], caller: Caller) -> tuple[int, list[tuple[int | None, str]]]:
    with pytest.raises(Problem) as refused:
        admit(Submission(raws, batch=True), caller, TOWN, NOW)
    return refused.value.status, [(error.index, error.path) for error in refused.value.errors]


ANSWER = {"assignment": str(uuid.uuid4()), "by": "clerk"}
RESOLVED = ANSWER | {"outcome": "solved", "explanation": "Done"}


def test_a_signal_goes_to_the_topic_of_its_kind_under_its_own_id():
    raw = event()
    found = admitted(raw, NOORD)
    assert topic_of(found, ("team", "noord")) == "neighbourhood.phase-changed"
    assert own_signal(found) == signal_id(raw["source"], raw["id"])


def test_an_answer_goes_to_the_topic_of_its_sender():
    answer = admitted(event("assignments.resolved", "urn:permits", **RESOLVED), PERMITS)
    assert topic_of(answer, ("department", "permits")) == "department.permits.answers"
    assert own_signal(answer) is None
    signal = str(uuid.uuid4())
    answer = admitted(event("signals.confirmed", signal=signal, by="worker"), NOORD)
    assert topic_of(answer, ("team", "noord")) == "team.noord.answers"
    assert str(own_signal(answer)) == signal


def test_an_intervention_goes_to_the_topic_of_its_kind_also_from_a_department():
    body = event()["data"] | {"department": "permits", "intervention": "Felling", "starts": "2026-12-01"}
    del body["phase"]
    found = admitted(event("signals.intervention-announced", "urn:permits", **body), PERMITS)
    assert topic_of(found, ("department", "permits")) == "neighbourhood.intervention-announced"


@pytest.mark.parametrize(
    ("raw", "caller", "where"),
    [
        (event(source="urn:permits"), NOORD, "source"),
        (event(source="urn:noord"), NOORD, "source"),
        (event(source="urn:permits"), PERMITS, "type"),
        (event(source="urn:noord:app"), Caller("operator"), ""),
        (event("signals.confirmed", "urn:permits", signal=str(uuid.uuid4()), by="x"), PERMITS, "type"),
        (event("assignments.resolved", **RESOLVED), NOORD, "type"),
    ],
    ids=["foreign source", "unlisted source", "a department", "an operator", "for a team", "for a department"],
)
def test_what_is_not_the_callers_is_refused(raw, caller, where):
    assert refusal([raw], caller) == (403, [(0, where)])


def test_an_invalid_event_is_told_before_a_foreign_one():
    assert refusal([event(source="urn:permits"), event(team="noord")], NOORD)[0] == 400


def test_each_event_of_a_batch_is_judged():
    assert refusal([event(), event(source="urn:a"), event(), event(source="urn:b")], NOORD) == (
        403,
        [(1, "source"), (3, "source")],
    )


def test_an_event_that_is_too_large_is_told_by_its_index():
    large = event() | {"data": event()["data"] | {"description": "x" * SIZE_MAX}}
    assert refusal([event(), large], NOORD) == (413, [(1, "")])


@pytest.mark.parametrize(
    ("media_type", "body", "status"),
    [
        (STRUCTURED, b"{", 400),
        (STRUCTURED, b"[]", 400),
        (STRUCTURED, b" " * (SIZE_MAX + 1), 413),
        (BATCH, b"{}", 400),
        (BATCH, b"[1]", 400),
        (BATCH, b"\xff", 400),
        (BATCH, b"[" + b"{}," * 1000 + b"{}]", 400),
    ],
)
def test_a_body_that_holds_no_events_is_refused(media_type, body, status):
    with pytest.raises(Problem) as refused:
        read([("content-type", media_type.encode())], media_type, body)
    assert refused.value.status == status


def test_a_batch_is_read_in_its_order():
    raws = [event(), event(), event()]
    found = read([("content-type", BATCH.encode())], BATCH, json.dumps(raws).encode())
    assert (found.raws, found.batch, found.index(2)) == (raws, True, 2)


def test_a_trace_is_added_only_where_there_is_none_and_it_fits():
    raw = event()
    body = encode(raw)
    assert with_trace(raw, body, TRACE) == encode(raw | {"traceparent": TRACE})
    assert with_trace(raw, body, None) is body
    own = raw | {"traceparent": "own"}
    assert with_trace(own, encode(own), TRACE) == encode(own)
    full = raw | {"subject": "x" * (SIZE_MAX - len(encode(raw)) - len(',"subject":""'))}
    assert len(encode(full)) == SIZE_MAX
    assert with_trace(full, encode(full), TRACE) == encode(full)
