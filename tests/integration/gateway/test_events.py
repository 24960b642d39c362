"""`POST /v1/events`: what is accepted, and that it is with the broker and in the ledger."""

import json
import uuid
from typing import Any
from urllib.parse import quote

from events.envelope import BATCH
from events.identifiers import signal_id

TRACE = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"
REPORT = {
    "title": "Koi",
    "team": "noord",
    "neighbourhood": "BU0363AD03",
    "phase": "sweet",
    "because": "Eerst zoet, één jaar",
}


def binary_headers(town: Any, id_: str) -> dict[str, str]:
    event = town.event("phase-changed")
    attributes = {"specversion": "1.0", "id": id_, "source": "urn:noord", "type": event["type"]}
    encoded = {f"ce-{name}": quote(value, safe=":/") for name, value in attributes.items()}
    return encoded | {"content-type": "application/json"}


async def test_an_event_is_accepted_once_it_is_on_its_topic_in_structured_mode(town):
    event = town.event()
    answer = await town.send("team:noord", event, traceparent=TRACE)
    expected = str(signal_id("urn:noord", event["id"]))
    assert answer.status_code == 202
    assert answer.json() == {"accepted": [{"source": "urn:noord", "id": event["id"], "signal": expected}]}
    records = await town.records("neighbourhood.initiative-blocked")
    (record,) = [record for record in records if record.key == expected.encode()]
    assert json.loads(record.value) == event | {"traceparent": TRACE}
    assert dict(record.headers)["content-type"].startswith(b"application/cloudevents+json")


async def test_an_event_keeps_a_trace_of_its_own(town):
    event = town.event("phase-changed") | {"traceparent": TRACE.replace("01", "00")}
    await town.send("team:noord", event, traceparent=TRACE)
    records = await town.records("neighbourhood.phase-changed")
    assert event in [json.loads(record.value) for record in records]


async def test_binary_mode_is_read_with_percent_encoded_headers(town):
    id_ = f"één-{uuid.uuid4()}"
    answer = await town.call(
        "team:noord", "POST", "/v1/events", content=json.dumps(REPORT), headers=binary_headers(town, id_)
    )
    assert answer.status_code == 202, answer.text
    assert answer.json()["accepted"][0]["id"] == id_
    sent = [json.loads(record.value) for record in await town.records("neighbourhood.phase-changed")]
    (found,) = [event for event in sent if event["id"] == id_]
    assert found["data"] == REPORT


async def test_a_batch_is_accepted_whole_and_in_order(town):
    events = [town.event(), town.event("phase-changed"), town.event("agendas-crossing")]
    answer = await town.call(
        "team:noord", "POST", "/v1/events", content=json.dumps(events), headers={"content-type": BATCH}
    )
    assert answer.status_code == 202, answer.text
    assert [item["id"] for item in answer.json()["accepted"]] == [event["id"] for event in events]


async def test_an_empty_batch_is_accepted_and_holds_nothing(town):
    answer = await town.call("team:noord", "POST", "/v1/events", content=b"[]", headers={"content-type": BATCH})
    assert (answer.status_code, answer.json()) == (202, {"accepted": []})


async def test_an_event_twice_in_one_batch_is_sent_once(town):
    event = town.event("phase-changed")
    answer = await town.call(
        "team:noord", "POST", "/v1/events", content=json.dumps([event, event]), headers={"content-type": BATCH}
    )
    assert answer.status_code == 202
    assert len(answer.json()["accepted"]) == 2
    sent = [json.loads(record.value)["id"] for record in await town.records("neighbourhood.phase-changed")]
    assert sent.count(event["id"]) == 1


async def test_prefer_wait_answers_once_the_ledger_has_recorded_it(town):
    event = town.event()
    answer = await town.send("team:noord", event, prefer="respond-async, wait=20")
    assert answer.status_code == 202
    assert answer.json()["recorded"] is True
    assert answer.headers["preference-applied"] == "wait=20"
    found = await town.get("team:noord", f"/v1/signals/{answer.json()['accepted'][0]['signal']}")
    assert found.status_code == 200


async def test_a_repeat_is_the_same_event_recorded_once(town):
    event = town.event()
    first = await town.send("team:noord", event, prefer="wait=20")
    second = await town.send("team:noord", event | {"traceparent": TRACE}, prefer="wait=20")
    assert (first.status_code, second.status_code) == (202, 202)
    assert first.json() == second.json()
    timeline = await town.get("team:noord", f"/v1/signals/{first.json()['accepted'][0]['signal']}/timeline")
    assert len(timeline.json()["items"]) == 1


async def test_a_department_answers_by_event_under_the_key_of_the_signal(town):
    signal = await town.reported()
    event = {
        "specversion": "1.0",
        "id": str(uuid.uuid4()),
        "source": "urn:permits",
        "type": "nl.koikarper.assignments.acknowledged.v1",
        "data": {"assignment": town.assignment_of(signal), "by": "clerk", "contact": {"role": "clerk", "reach": "4"}},
    }
    answer = await town.send("department:permits", event, prefer="wait=20")
    assert answer.json() == {
        "accepted": [{"source": "urn:permits", "id": event["id"], "signal": signal}],
        "recorded": True,
    }
    keys = [record.key for record in await town.records("department.permits.answers")]
    assert signal.encode() in keys
    found = await town.get("department:permits", f"/v1/assignments/{town.assignment_of(signal)}")
    assert found.json()["state"] == "acknowledged"


async def test_an_intervention_may_be_announced_by_the_department_that_intervenes(town):
    event = town.event("intervention-announced") | {"source": "urn:parks:works"}
    answer = await town.send("department:parks", event)
    assert answer.status_code == 202, answer.text


async def test_a_sender_may_use_the_gateways_own_source(town):
    answer = await town.send("team:noord", town.event() | {"source": town.agreements})
    assert answer.status_code == 202, answer.text
