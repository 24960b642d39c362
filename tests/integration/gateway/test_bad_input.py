"""The issue's "Bad input, and what it gets", as far as it concerns HTTP; nothing of it reaches a topic."""

import json
import uuid
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from events.envelope import BATCH, SIZE_MAX, STRUCTURED


def paths(answer: Any) -> list[str]:
    """Where the errors are; the answer must be a problem 400."""
    assert answer.status_code == 400, answer.text
    assert answer.headers["content-type"] == "application/problem+json"
    assert all(error["detail"] for error in answer.json()["errors"])
    return [error["path"] for error in answer.json()["errors"]]


async def batch(town: Any, caller: str, *events: Any) -> Any:
    content = json.dumps(events)
    return await town.call(caller, "POST", "/v1/events", content=content, headers={"content-type": BATCH})


def answer_event(verb: str, **data: Any) -> dict[str, Any]:
    domain = "assignments" if "assignment" in data else "signals"
    type_ = f"nl.koikarper.{domain}.{verb}.v1"
    source = "urn:permits" if domain == "assignments" else "urn:noord"
    return {"specversion": "1.0", "id": str(uuid.uuid4()), "source": source, "type": type_, "data": data}


@pytest.mark.parametrize(
    ("change", "where"),
    [
        ({"type": "nl.koikarper.signals.koi-missing.v1"}, ["type"]),
        ({"type": "nl.koikarper.assignments.assigned.v1"}, ["type"]),
        ({"time": "2026-01-05T10:00:00"}, ["time"]),
        ({"time": (datetime.now(UTC) + timedelta(days=1)).isoformat()}, ["time"]),
        ({"specversion": "0.3"}, ["specversion"]),
        ({"BadName": "x"}, ["BadName"]),
        ({"data": None}, ["data"]),
    ],
    ids=["unknown type", "a type of the loop", "no offset", "future time", "old version", "extension", "no data"],
)
async def test_a_wrong_attribute_is_named(town, change, where):
    assert paths(await town.send("team:noord", town.event() | change)) == where


@pytest.mark.parametrize(
    ("change", "where"),
    [
        ({"team": "west"}, ["data.team"]),
        ({"neighbourhood": "BU99990101"}, ["data.neighbourhood"]),
        ({"neighbourhood": "Noord"}, ["data.neighbourhood"]),
        ({"departments": ["permits", "permit"]}, ["data.departments[1]"]),
        ({"blockedBy": "rule", "rule": {"code": "APV 2:10", "owner": "law"}}, ["data.rule.owner"]),
        ({"tilte": "Koi"}, ["data.tilte"]),
        ({"since": (datetime.now(UTC) + timedelta(days=3)).date().isoformat()}, ["data.since"]),
        ({"since": "2025-12-24T10:00:00"}, ["data.since"]),
        ({"description": "Bel mij op 06-12345678"}, ["data.description"]),
        ({"description": "BSN 111222333"}, ["data.description"]),
        ({"title": None}, ["data.title"]),
    ],
    ids=lambda value: "-".join(value) if isinstance(value, dict) else "",
)
async def test_a_wrong_field_is_named(town, change, where):
    assert paths(await town.send("team:noord", town.event(**change))) == where


async def test_everything_that_is_wrong_is_said_at_once(town):
    event = town.event(title=None, tilte="Koi", description="mail a@example.org") | {"time": "yesterday", "subject": ""}
    answer = await town.send("team:noord", event)
    assert set(paths(answer)) == {"time", "subject", "data.title", "data.tilte", "data.description"}
    assert all(error["in"] == "body" for error in answer.json()["errors"])


@pytest.mark.parametrize("body", [b"", b"{", b"\xff\xfe", b"[]", b"null", b'"koi"', b'{"data": NaN}'])
async def test_a_body_that_is_no_event_is_refused(town, body):
    paths(await town.send("team:noord", body))


async def test_an_event_over_64_kib_is_refused(town):
    answer = await town.send("team:noord", b" " * (SIZE_MAX + 1))
    assert answer.status_code == 413
    assert answer.headers["content-type"] == "application/problem+json"


async def test_an_event_over_64_kib_in_a_batch_is_refused_by_its_index(town):
    answer = await batch(town, "team:noord", town.event(), town.event(description="x" * SIZE_MAX))
    assert answer.status_code == 413
    assert [error["index"] for error in answer.json()["errors"]] == [1]


async def test_a_batch_over_5_mib_is_refused_without_being_kept(town):
    content = b" " * (5 * 1024 * 1024 + 1)
    answer = await town.call("team:noord", "POST", "/v1/events", content=content, headers={"content-type": BATCH})
    assert answer.status_code == 413


async def test_a_body_without_declared_length_is_refused_once_it_is_over_the_limit(town):
    async def stream() -> Any:
        for _ in range(6):
            yield b" " * 1024 * 1024

    answer = await town.call("team:noord", "POST", "/v1/events", content=stream(), headers={"content-type": BATCH})
    assert answer.status_code == 413


async def test_a_batch_of_more_than_a_thousand_is_refused(town):
    assert paths(await batch(town, "team:noord", *[{}] * 1001)) == [""]


async def test_a_batch_with_bad_events_names_each_and_sends_nothing(town):
    good = town.event("phase-changed")
    answer = await batch(town, "team:noord", good, town.event(title=None), 5)
    assert [(error["index"], error["path"]) for error in answer.json()["errors"]] == [(2, "")]
    answer = await batch(
        town, "team:noord", good, town.event(title=None), town.event(team="west") | {"source": "urn:w"}
    )
    assert [(error["index"], error["path"]) for error in answer.json()["errors"]] == [
        (1, "data.title"),
        (2, "data.team"),
    ]
    sent = [json.loads(record.value)["id"] for record in await town.records("neighbourhood.phase-changed")]
    assert good["id"] not in sent


async def test_a_batch_that_is_no_array_is_refused(town):
    answer = await town.call(
        "team:noord", "POST", "/v1/events", content=json.dumps(town.event()), headers={"content-type": BATCH}
    )
    assert paths(answer) == [""]


async def test_a_repeat_with_other_content_is_refused_once_the_ledger_has_the_first(town):
    event = town.event()
    await town.send("team:noord", event, prefer="wait=20")
    answer = await town.send("team:noord", event | {"data": event["data"] | {"title": "Carp"}})
    assert (answer.status_code, answer.json()["code"]) == (409, "conflicting-repeat")


async def test_one_id_twice_in_a_batch_with_other_content_is_refused(town):
    event = town.event()
    other = event | {"data": event["data"] | {"title": "Carp"}}
    answer = await batch(town, "team:noord", event, other)
    assert (answer.status_code, answer.json()["code"]) == (409, "conflicting-repeat")
    assert [error["index"] for error in answer.json()["errors"]] == [1]


async def test_a_forged_team_is_refused(town):
    answer = await town.send("team:zuid", town.event() | {"source": "urn:zuid"})
    assert answer.status_code == 403
    assert [error["path"] for error in answer.json()["errors"]] == ["data.team"]


async def test_a_source_of_somebody_else_is_refused(town):
    answer = await town.send("team:noord", town.event() | {"source": "urn:zuid"})
    assert answer.status_code == 403
    assert [error["path"] for error in answer.json()["errors"]] == ["source"]


@pytest.mark.parametrize("caller", ["department:permits", "operator"])
async def test_who_is_no_team_reports_nothing(town, caller):
    assert (await town.send(caller, town.event())).status_code == 403


async def test_an_intervention_of_another_department_is_not_announced(town):
    answer = await town.send("department:permits", town.event("intervention-announced") | {"source": "urn:permits"})
    assert answer.status_code == 403


async def test_a_team_does_not_answer_for_a_department(town):
    event = answer_event("extended", assignment=str(uuid.uuid4()), by="clerk", until="2027-01-01T00:00:00Z", reason="x")
    answer = await town.send("team:noord", event)
    assert answer.status_code == 403
    assert answer.json()["errors"][0]["path"] == "type"


async def test_an_answer_to_another_departments_assignment_is_refused(town):
    assignment = town.assignment_of(await town.reported())
    event = answer_event("resolved", assignment=assignment, by="clerk", outcome="solved", explanation="Done")
    answer = await town.send("department:parks", event | {"source": "urn:parks:works"})
    assert answer.status_code == 403
    assert [error["path"] for error in answer.json()["errors"]] == ["data.assignment"]


async def test_an_answer_to_another_teams_signal_is_refused(town):
    event = answer_event("withdrawn", signal=await town.reported(), by="worker", reason="x") | {"source": "urn:zuid"}
    answer = await town.send("team:zuid", event)
    assert answer.status_code == 403
    assert [error["path"] for error in answer.json()["errors"]] == ["data.signal"]


async def test_a_hand_over_to_nobody_known_is_refused(town):
    event = answer_event("handed-over", assignment=str(uuid.uuid4()), by="clerk", to="perimts", reason="x")
    assert paths(await town.send("department:permits", event)) == ["data.to"]


@pytest.mark.parametrize(
    "content_type",
    ["text/plain", "application/json", "application/cloudevents+avro", f"{STRUCTURED}; charset=latin1", ""],
)
async def test_a_body_of_another_type_is_refused_with_what_is_read(town, content_type):
    answer = await town.send("team:noord", town.event(), **{"content-type": content_type})
    assert answer.status_code == 415
    assert STRUCTURED in answer.headers["accept-post"]
