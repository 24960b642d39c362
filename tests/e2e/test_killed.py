"""`kill -9` in the middle of the work, then a start on the same data: nothing is lost, nothing counts twice."""

import threading
import uuid

import httpx
import psutil
import pytest
from confluent_kafka import Consumer, TopicPartition

SIGNAL = "nl.koikarper.signals.initiative-blocked.v1"
SOURCE = "urn:nld:oin:00000099000000001000:systeem:wijkteam-app/noord"


def send_until(stop, client, accepted):
    """Send signals one after the other, and note what the gateway accepted."""
    while not stop.is_set():
        id_ = str(uuid.uuid4())
        event = {
            "specversion": "1.0",
            "id": id_,
            "source": SOURCE,
            "type": SIGNAL,
            "data": {
                "team": "noord",
                "neighbourhood": "WK999901",
                "title": "Koi",
                "initiative": "A pond",
                "blockedBy": "permit",
            },
        }
        try:
            response = client.post("/v1/events", json=event, headers={"content-type": "application/cloudevents+json"})
        except httpx.TransportError:
            return
        if response.status_code == 202:
            accepted.append(response.json()["accepted"][0]["signal"])


def everything(kafka, topic):
    """Every record of a topic of one partition, from its beginning to its end."""
    consumer = Consumer(
        {"bootstrap.servers": kafka, "group.id": uuid.uuid4().hex, "enable.auto.commit": False, "log_level": 0}
    )
    partition = TopicPartition(topic, 0, 0)
    _, end = consumer.get_watermark_offsets(partition, timeout=10)
    consumer.assign([partition])
    found = []
    while len(found) < end:
        message = consumer.poll(1)
        if message is not None and message.error() is None:
            found.append(message)
    consumer.close()
    return found


@pytest.mark.timeout(280)
def test_what_was_accepted_before_the_kill_is_in_the_ledger_once_and_reaches_its_department(start, wait_until):
    local = start()
    accepted, stop = [], threading.Event()
    senders = [threading.Thread(target=send_until, args=(stop, local.client("team:noord"), accepted)) for _ in range(4)]
    for sender in senders:
        sender.start()
    wait_until(lambda: len(accepted) >= 150, 60)
    local.kill()
    stop.set()
    for sender in senders:
        sender.join()
    assert len(accepted) >= 150
    _, alive = psutil.wait_procs(local.family, timeout=25)
    assert alive == []

    local = start()
    with local.client("operator") as operator:

        def recorded():
            found, after = [], None
            while True:
                page = operator.get("/v1/signals", params={"limit": 500} | ({"after": after} if after else {})).json()
                found += [item["id"] for item in page["items"]]
                after = page["next"]
                if after is None:
                    return found

        wait_until(lambda: set(accepted) <= set(recorded()))
        signals = recorded()
    assert len(signals) == len(set(signals))
    assert set(accepted) <= set(signals)

    def told():
        keys = [
            message.key().decode() for message in everything(local.addresses["kafka"], "department.permits.assignments")
        ]
        return set(signals) <= set(keys)

    assert wait_until(told)
    assert local.stop() == 0
