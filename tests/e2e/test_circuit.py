"""One signal round the whole loop, as a team and a department would send it, on a machine that had neither part."""

import json
import uuid

import httpx
import pytest
from cloudevents.core.bindings.kafka import KafkaMessage, from_structured_event
from cloudevents.core.formats.json import JSONFormat
from confluent_kafka import Consumer, Producer

from events.moments import parse_moment

TEAM_SOURCE = "urn:nld:oin:00000099000000001000:systeem:wijkteam-app/noord"
POND = {
    "team": "noord",
    "neighbourhood": "WK999901",
    "title": "Koi in the pond",
    "initiative": "A pond with koi",
    "blockedBy": "permit",
}


def event(**data):
    return {
        "specversion": "1.0",
        "id": str(uuid.uuid4()),
        "source": TEAM_SOURCE,
        "type": "nl.koikarper.signals.initiative-blocked.v1",
        "datacontenttype": "application/json",
        "data": POND | data,
    }


def read(kafka, topics, enough, seconds=20):
    """What a client of another make reads from the beginning of the topics, until `enough` says so."""
    consumer = Consumer(
        {"bootstrap.servers": kafka, "group.id": uuid.uuid4().hex, "auto.offset.reset": "earliest", "log_level": 0}
    )
    consumer.subscribe(topics)
    found = []
    try:
        for _ in range(int(seconds / 0.2)):
            message = consumer.poll(0.2)
            if message is not None and message.error() is None:
                found.append(message)
            if enough(found):
                break
    finally:
        consumer.close()
    return found


def types(messages):
    return [json.loads(message.value())["type"].split("koikarper.")[1].removesuffix(".v1") for message in messages]


@pytest.mark.timeout(240)
def test_a_signal_goes_round_the_loop_from_the_shell_and_everyone_sees_it_wait(start, wait_until):
    local = start()
    sent = local.command(
        "emit",
        "initiative-blocked",
        "--team=noord",
        "--neighbourhood=WK999901",
        "--title=Koi in the pond",
        "initiative=A pond with koi",
        "blockedBy=permit",
        "--json",
    )
    assert sent.returncode == 0, sent.stderr
    signal = json.loads(sent.stdout)["signal"]
    with local.client("department:permits") as permits, local.client("team:noord") as team:
        [assignment] = wait_until(lambda: permits.get("/v1/assignments?state=waiting").json()["items"])
        assert assignment["signal"] == signal
        inbox = local.command("inbox", "permits")
        assert "Koi in the pond" in inbox.stdout, inbox.stderr
        done = local.command(
            "acknowledge", assignment["id"], "--by=clerk", "--contact-role=clerk", "--contact-reach=14 020"
        )
        assert done.returncode == 0, done.stderr
        assert wait_until(lambda: permits.get("/v1/assignments?state=acknowledged").json()["items"])
        done = local.command("resolve", assignment["id"], "--outcome=solved", "--explanation=The pond may stay.")
        assert done.returncode == 0, done.stderr
        assert wait_until(lambda: team.get(f"/v1/signals/{signal}").json()["state"] == "resolved")
        assert team.post(f"/v1/signals/{signal}/confirm", json={"by": "connector"}).status_code == 202
        assert wait_until(lambda: team.get(f"/v1/signals/{signal}").json()["state"] == "closed")
        again = local.command("resolve", assignment["id"], "--outcome=refused", "--explanation=No.")
        assert again.returncode == 1
        assert "already-closed" in again.stderr
    waits = json.loads(local.command("waits", "--json").stdout)["items"]
    acknowledged = next(item for item in waits if (item["department"], item["stage"]) == ("permits", "acknowledge"))
    assert (acknowledged["met"], acknowledged["missed"], acknowledged["open"]) == (1, 0, 0)
    assert wait_until(
        lambda: "\nkoikarper_canary_last_success_timestamp_seconds " in httpx.get(local.addresses["metrics"]).text
    )
    assert {item["department"] for item in waits} == {"permits"}
    feedback = read(local.addresses["kafka"], ["team.noord.feedback"], lambda found: len(found) >= 5)
    assert types(feedback) == [
        "assignments.assigned",
        "assignments.acknowledged",
        "assignments.resolved",
        "signals.resolution-proposed",
        "signals.closed",
    ]
    assert local.stop() == 0


@pytest.mark.timeout(240)
def test_a_client_of_another_make_reads_answers_and_is_understood(start, wait_until):
    local = start()
    kafka = local.addresses["kafka"]
    producer = Producer({"bootstrap.servers": kafka, "log_level": 0})
    first, second = event(title="Structured"), event(title="Binary")
    producer.produce(
        "neighbourhood.initiative-blocked",
        json.dumps(first),
        headers={"content-type": "application/cloudevents+json"},
    )
    attributes = {f"ce_{name}": second[name] for name in ("specversion", "id", "source", "type")}
    producer.produce(
        "neighbourhood.initiative-blocked",
        json.dumps(second["data"]),
        headers=attributes | {"content-type": "application/json"},
    )
    producer.flush(10)
    assigned = read(kafka, ["department.permits.assignments"], lambda found: len(found) == 2)
    data = [json.loads(message.value())["data"] for message in assigned]
    assert {item["report"]["title"] for item in data} == {"Structured", "Binary"}
    assert {message.key().decode() for message in assigned} == {item["signal"] for item in data}
    answer = {
        "specversion": "1.0",
        "id": "permits-1",
        "source": "urn:nld:oin:00000099000000001000:systeem:vergunningen",
        "type": "nl.koikarper.assignments.acknowledged.v1",
        "data": {"assignment": data[0]["assignment"], "by": "clerk", "contact": {"role": "clerk", "reach": "14 020"}},
    }
    producer.produce(
        "department.permits.answers", json.dumps(answer), headers={"content-type": "application/cloudevents+json"}
    )
    producer.produce("department.permits.answers", b"no json")
    producer.produce("department.permits.answers", b"\xff", headers={"x": b"\xff\xfe"})
    producer.flush(10)
    with local.client("operator") as operator:
        found = wait_until(lambda: operator.get("/v1/assignments?state=acknowledged").json()["items"])
        assert [item["id"] for item in found] == [data[0]["assignment"]]
        waited = parse_moment(found[0]["acknowledgedAt"]) - parse_moment(found[0]["waitingSince"])
        assert waited.total_seconds() >= 0
    dead = read(kafka, ["dead-letters"], lambda found: len(found) == 2)
    assert sorted(message.value() for message in dead) == [b"no json", b"\xff"]
    everything = read(kafka, ["department.permits.assignments", "team.noord.feedback"], lambda found: len(found) >= 7)
    for message in everything:
        headers = {name: value.decode() for name, value in message.headers()}
        parsed = from_structured_event(KafkaMessage(headers, message.key(), message.value()), JSONFormat())
        assert parsed.get_type().startswith("nl.koikarper.")
    assert types(everything).count("answers.refused") == 2
