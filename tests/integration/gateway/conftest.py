"""A town with a gateway and a ledger on real Kafka and PostgreSQL; callers with tokens of keys made here."""

import json
import secrets
import time
import uuid
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import pytest
import pytest_asyncio
from aiokafka import AIOKafkaConsumer, TopicPartition
from joserfc import jwt
from joserfc.jwk import ECKey

from events.catalogue import signal_type
from events.envelope import STRUCTURED
from events.identifiers import assignment_id, signal_id
from services.agreements.loading import load
from services.agreements.topics import topics
from services.gateway import app as gateway
from services.ledger import app as ledger
from services.ledger.migrations import migrate
from services.local.parts import Parts
from services.runtime.settings import Settings
from services.runtime.topics import ensure

AGREEMENTS = """
municipality: {code: GM0363, name: Voorbeeldstad, oin: "00000099000000001000"}
calendars:
  office: {timezone: Europe/Amsterdam, hours: {mon-fri: ["09:00-17:00"]}, holidays: NL, closed: []}
promises:
  standard: {acknowledge: 8 hours, resolve: 48 hours, confirm: 24 hours, extensions: 1, extension: 24 hours}
departments:
  permits: {name: Vergunningen, calendar: office, promise: standard, sources: ["urn:permits"], rules: ["APV *"]}
  parks: {name: Groen, calendar: office, promise: standard, sources: ["urn:parks:*"]}
  control: {name: Concerncontrol, calendar: office, promise: standard}
teams:
  noord: {name: Wijkteam Noord, neighbourhoods: [WK0363AD], sources: ["urn:noord"]}
  zuid: {name: Wijkteam Zuid, neighbourhoods: [WK0363AE, WK0363AF], sources: ["urn:zuid"]}
routes:
  - {when: {kind: initiative-blocked}, to: [permits]}
  - {when: {kind: agendas-crossing}, to: [parks]}
  - {when: {kind: phase-changed}, to: []}
default: control
patterns: {signals: 3, within: 90 days}
"""


@dataclass(frozen=True)
class Issuer:
    """Who signs tokens; `claims` replace or add to what a good token says."""

    key: ECKey

    def token(self, caller: str, **claims: Any) -> str:
        kind, _, code = caller.partition(":")
        now = int(time.time())
        named = {kind: code} if code else {"role": kind}
        body = {"iss": "koikarper", "aud": "koikarper", "iat": now, "exp": now + 600} | named | claims
        body = {name: value for name, value in body.items() if value is not None}
        return jwt.encode({"alg": "ES256", "kid": self.key.kid}, body, self.key)


@dataclass(frozen=True)
class Town:
    """Everything that runs, and how to call it."""

    url: str
    settings: Settings
    issuer: Issuer
    agreements: str = "urn:nld:oin:00000099000000001000:systeem:koikarper"

    def client(self, caller: str | None) -> httpx.AsyncClient:
        """An HTTP client with the caller's token; close it."""
        headers = {"Authorization": f"Bearer {self.issuer.token(caller)}"} if caller else {}
        return httpx.AsyncClient(base_url=self.url, headers=headers, timeout=40)

    async def call(self, caller: str | None, method: str, path: str, **options: Any) -> httpx.Response:
        async with self.client(caller) as client:
            return await client.request(method, path, **options)

    async def get(self, caller: str | None, path: str, **query: Any) -> httpx.Response:
        return await self.call(caller, "GET", path, params=query or None)

    async def send(self, caller: str | None, event: Any, **headers: str) -> httpx.Response:
        """One event in structured mode."""
        body = event if isinstance(event, bytes) else json.dumps(event).encode()
        return await self.call(
            caller, "POST", "/v1/events", content=body, headers={"content-type": STRUCTURED} | headers
        )

    async def reported(self, kind: str = "initiative-blocked", **data: Any) -> str:
        """A signal of team noord that the ledger has recorded: its id."""
        event = self.event(kind, **data)
        answer = await self.send(f"team:{event['data']['team']}", event, prefer="wait=20")
        assert answer.json()["recorded"] is True, answer.text
        return str(signal_id(event["source"], event["id"]))

    async def answer(self, caller: str, path: str, data: Any, **headers: str) -> httpx.Response:
        return await self.call(caller, "POST", path, json=data, headers=headers)

    async def records(self, topic: str) -> list[Any]:
        """Everything on a topic, read with a plain client."""
        consumer = AIOKafkaConsumer(bootstrap_servers=self.settings.kafka, auto_offset_reset="earliest")
        await consumer.start()
        try:
            name = self.settings.topic_prefix + topic
            partitions = [TopicPartition(name, nr) for nr in await partitions_of(consumer, name)]
            consumer.assign(partitions)
            ends = await consumer.end_offsets(partitions)
            found = []
            while any([await consumer.position(part) < ends[part] for part in partitions]):
                batches = await consumer.getmany(timeout_ms=500)
                found += [record for records in batches.values() for record in records]
            return found
        finally:
            await consumer.stop()

    @staticmethod
    def event(kind: str = "initiative-blocked", **data: Any) -> dict[str, Any]:
        """A signal of team noord, with an id of its own; `data` replaces or adds fields."""
        own = {
            "initiative-blocked": {"initiative": "A pond", "blockedBy": "permit"},
            "agendas-crossing": {"agendas": [{"name": "Groenvisie"}, {"name": "Horecanota"}]},
            "phase-changed": {"phase": "sweet"},
            "grievance-reported": {"happenedOn": "1998-05", "grievance": "The pond was never dug"},
            "intervention-announced": {"department": "parks", "intervention": "Felling", "starts": "2026-12-01"},
        }[kind]
        body = {"team": "noord", "neighbourhood": "BU0363AD03", "title": "Koi"} | own | data
        return {
            "specversion": "1.0",
            "id": str(uuid.uuid4()),
            "source": f"urn:{body['team']}",
            "type": signal_type(kind),
            "time": "2026-01-05T10:00:00+01:00",
            "data": {name: value for name, value in body.items() if value is not None},
        }

    @staticmethod
    def assignment_of(signal: str, department: str = "permits", round_: int = 1) -> str:
        return str(assignment_id(uuid.UUID(signal), department, round_))


async def partitions_of(consumer: AIOKafkaConsumer, topic: str) -> set[int]:
    await consumer._client.set_topics([topic])
    return consumer.partitions_for_topic(topic) or set()


@pytest.fixture(scope="session")
def issuer() -> Issuer:
    return Issuer(ECKey.generate_key("P-256", {"use": "sig"}, auto_kid=True))


@pytest.fixture(scope="session")
def files(tmp_path_factory: pytest.TempPathFactory, issuer: Issuer) -> Path:
    """A folder with the agreements and the public keys."""
    folder = tmp_path_factory.mktemp("town")
    (folder / "agreements.yaml").write_text(AGREEMENTS)
    (folder / "jwks.json").write_text(json.dumps({"keys": [issuer.key.as_dict(private=False)]}))
    return folder


@pytest.fixture(scope="session")
def town_settings(parts: Parts, files: Path) -> Settings:
    own = f"g{secrets.token_hex(5)}"
    return Settings(
        topic_prefix=f"{own}.",
        database_schema=own,
        kafka=parts.kafka,
        database=parts.database,
        gateway_port=0,
        agreements=files / "agreements.yaml",
        jwks=str(files / "jwks.json"),
    )


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def town(town_settings: Settings, issuer: Issuer) -> AsyncIterator[Town]:
    await migrate(town_settings)
    await ensure(town_settings, topics(load(town_settings.agreements)))
    services = [ledger.build(town_settings), gateway.build(town_settings)]
    for service in services:
        await service.start()
    yield Town(services[1].url, town_settings, issuer)
    for service in reversed(services):
        await service.stop()
