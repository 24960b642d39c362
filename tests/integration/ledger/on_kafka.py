"""A small town on real Kafka, whose team reports by itself; the test says which services run."""

import asyncio
from pathlib import Path
from typing import Any

from events.catalogue import signal_type
from events.envelope import STRUCTURED_HEADERS, encode, structured
from services.agreements.loading import parse
from services.agreements.topics import topics
from services.ledger.migrations import migrate
from services.runtime.broker import Publisher
from services.runtime.clock import now
from services.runtime.settings import Settings
from services.runtime.topics import ensure
from tests.integration.ledger.desk import SIGNALS, TOWN


async def prepared(settings: Settings, folder: Path, **own: Any) -> Settings:
    """The settings of the town with its tables and topics; `own` are others' values of settings."""
    file = folder / "agreements.yaml"
    file.write_text(TOWN)
    settings = settings.model_copy(update={"agreements": file, **own})
    await asyncio.gather(migrate(settings), ensure(settings, topics(parse(TOWN))))
    return settings


async def report(publisher: Publisher, name: str) -> None:
    """An initiative that a permit blocks; `name` is the event's id."""
    body = {"team": "noord", "neighbourhood": "BU99990101", "title": "Koi", "initiative": "A pond"}
    type_ = signal_type("initiative-blocked")
    event = structured(id_=name, source="urn:noord", type_=type_, time=now(), data=body | {"blockedBy": "permit"})
    await publisher.send(SIGNALS, name.encode(), encode(event), STRUCTURED_HEADERS)
