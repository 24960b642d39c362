"""A desk and timekeepers over the same ledger; the test says until when each partition has been read."""

import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

from events.catalogue import PREFIX
from events.envelope import structured
from events.identifiers import signal_id
from events.moments import parse_moment
from services.agreements.loading import parse
from services.ledger.positions import Place, watched
from services.runtime.settings import Settings
from services.timekeeper.app import build
from services.timekeeper.horizon import asked_for
from services.timekeeper.timekeeper import Timekeeper
from tests.integration.ledger.desk import START, Desk, at_desk

TOWN = """
municipality: {code: GM9999, name: Voorbeeldstad, oin: "00000099000000001000"}
calendars:
  office: {timezone: Europe/Amsterdam, hours: {mon-fri: ["09:00-17:00"]}, holidays: NL, closed: []}
promises:
  standard: {acknowledge: 8 hours, resolve: 48 hours, confirm: 24 hours, extensions: 1, extension: 24 hours}
ladders:
  standard:
    - {stage: acknowledge, at: 50%, remind: department}
    - {stage: acknowledge, at: due, escalate: control}
    - {stage: acknowledge, at: due + 4 hours, escalate: secretary}
    - {stage: resolve, at: 50%, remind: department}
    - {stage: resolve, at: due, escalate: control}
departments:
  permits: {name: Vergunningen, calendar: office, promise: standard, ladder: standard}
  parks: {name: Groen, calendar: office, promise: standard, ladder: standard}
  control: {name: Concerncontrol, calendar: office, promise: standard}
  secretary: {name: Secretaris, calendar: office, promise: standard}
teams:
  noord: {name: Wijkteam Noord, neighbourhoods: [WK999901]}
routes:
  - {when: {kind: initiative-blocked}, to: [permits]}
default: permits
patterns: {signals: 3, within: 90 days}
"""
SETTLE = timedelta(seconds=60)

Told = tuple[str, str, float]
"""Type, stage and the hour at which it was due, of what the loop told while nobody answered."""


def hours(count: float) -> datetime:
    return START + timedelta(hours=count)


@dataclass
class Clockwork:
    """Everything between the record and the outbox; hours count from the first report."""

    desk: Desk
    settings: Settings
    keepers: list[Timekeeper] = field(default_factory=list)

    def keeper(self) -> Timekeeper:
        """A timekeeper as from a fresh start."""
        keeper = build(self.settings)
        self.keepers.append(keeper)
        return keeper

    @property
    def places(self) -> frozenset[Place]:
        return asked_for([parse(TOWN)])

    async def read_until(self, moment: datetime, *, but: Place | None = None) -> None:
        """Everything that arrived before `moment` is read; `but` is read no further than it was."""
        taken = await self.desk.positions.take_over(sorted(self.places - {but}), self.desk.intake.owner)
        async with self.desk.engine.begin() as connection:
            seen = {place: (offset, moment) for place, offset in taken.items()}
            await watched(connection, seen, self.desk.intake.owner)

    async def passes(self, until: float) -> None:
        """A timekeeper just started finds that everything is read until so many hours, and the settle time."""
        await self.read_until(hours(until) + SETTLE)
        await self.keeper().turn()

    async def events(self, topic: str = "%") -> list[dict[str, Any]]:
        rows = await self.desk.rows("select value from outbox where topic like :topic order by seq", topic=topic)
        return [json.loads(row.value) for row in rows]

    async def told(self, topic: str = "%") -> list[Told]:
        """What was told because a moment passed, in order."""
        return [
            (event["type"].split(".")[-2], event["data"]["stage"], _hour(event["data"]["due"]))
            for event in await self.events(topic)
            if "due" in event["data"]
        ]

    def team_answer(self, id_: str, verb: str, of: str, *, seconds: float, **data: Any) -> Any:
        body = {"signal": str(signal_id("urn:noord", of)), "by": "connector"} | data
        type_ = f"{PREFIX}.signals.{verb}.v1"
        event = structured(id_=id_, source="urn:noord", type_=type_, time=START, data=body)
        return self.desk.record("team.noord.answers", event, seconds=seconds)


def _hour(text: str) -> float:
    return (parse_moment(text) - START).total_seconds() / 3600


@asynccontextmanager
async def at_work(settings: Settings, folder: Path) -> AsyncIterator[Clockwork]:
    """A clockwork in a fresh schema."""
    file = folder / "agreements.yaml"
    file.write_text(TOWN)
    own = settings.model_copy(update={"agreements": file, "settle": SETTLE})
    async with at_desk(own, TOWN) as desk:
        clockwork = Clockwork(desk, own)
        yield clockwork
        for keeper in clockwork.keepers:
            await keeper.stop()
