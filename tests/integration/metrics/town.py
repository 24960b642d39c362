"""A town that lives at random through the real intake and timekeepers, and an exporter that looks at it."""

import random
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path
from typing import Any
from uuid import UUID

from events.catalogue import PREFIX, department_answers, neighbourhood_topic, signal_type, team_answers
from events.envelope import structured
from events.identifiers import assignment_id, signal_id
from events.signals import CANARY
from services.ledger import mending
from services.metrics.app import build
from services.metrics.exporter import Exporter
from services.runtime.settings import Settings
from tests.integration.metrics.recount import Sample
from tests.integration.timekeeper.clockwork import START, Clockwork, at_work, hours

DEPARTMENTS = ("permits", "parks", "control", "secretary")
HOUR = 3600
SOLUTION = {"rule": {"code": "APV 2:10", "title": "Ponds"}, "justification": "it harms nobody", "features": ["pond"]}
CANARY_SOURCE = "urn:nld:oin:00000099000000001000:systeem:koikarper-canary"


@dataclass
class Town:
    clockwork: Clockwork
    exporter: Exporter
    hour: float = 0
    signals: list[str] = field(default_factory=list)
    _said_count: int = 0

    async def samples(self) -> dict[Sample, float]:
        """Everything that is served of a fresh snapshot."""
        await self.exporter.look()
        families = self.exporter.registry.collect()
        return {
            (sample.name, tuple(sorted(sample.labels.items()))): sample.value
            for family in families
            for sample in family.samples
        }

    async def values(self, name: str, **labels: str) -> float | None:
        return (await self.samples()).get((name, tuple(sorted(labels.items()))))

    async def live(self, chance: random.Random, happenings: int) -> None:
        """So many happenings, hours apart; what is refused, repeated or unreadable is among them."""
        await self.canary()
        for _ in range(happenings):
            self.hour += chance.choice([0.1, 0.2, 0.5, 1, 4])
            if chance.random() < 0.15:
                await self.clockwork.passes(self.hour)
            elif chance.random() < 0.3 or not self.signals:
                await self.report(chance)
            else:
                await self.answer(chance)

    async def report(self, chance: random.Random) -> None:
        desk = self.clockwork.desk
        if chance.random() < 0.1:
            await desk.take_in(desk.record("department.parks.answers", b"\xff", seconds=self.hour * HOUR))
            await self.mend(chance)
            return
        id_ = f"s{len(self.signals)}"
        self.signals.append(id_)
        also = chance.sample(DEPARTMENTS, chance.choice([0, 0, 1]))
        await desk.take_in(desk.signal(id_, seconds=self.hour * HOUR, departments=also))

    async def mend(self, chance: random.Random) -> None:
        """An operator settles some of the dead letters."""
        async with self.clockwork.desk.engine.begin() as connection:
            numbers = await mending.numbers_of(connection, mending.Choice())
            await mending.retry(connection, [nr for nr in numbers if chance.random() < 0.2], "operator")
            await mending.discard(connection, [nr for nr in numbers if chance.random() < 0.2], "operator", "no sense")

    async def canary(self) -> None:
        """The machinery's own signal goes round, in a second."""
        self._said_count += 1
        id_ = f"canary-{self._said_count}"
        signal = signal_id(CANARY_SOURCE, id_)
        data = {"team": CANARY, "neighbourhood": "GM9999", "title": "Kanarie"}
        done = {"assignment": str(assignment_id(signal, CANARY, 1)), "outcome": "solved", "explanation": "here"}
        steps = [
            (neighbourhood_topic(CANARY), signal_type(CANARY), data),
            (department_answers(CANARY), f"{PREFIX}.assignments.resolved.v1", done | {"by": CANARY}),
            (team_answers(CANARY), f"{PREFIX}.signals.confirmed.v1", {"signal": str(signal), "by": CANARY}),
        ]
        for number, (topic, type_, said) in enumerate(steps):
            event = structured(
                id_=f"{id_}-{number}" if number else id_, source=CANARY_SOURCE, type_=type_, time=START, data=said
            )
            seconds = self.hour * HOUR + number / 2
            await self.clockwork.desk.take_in(self.clockwork.desk.record(topic, event, seconds=seconds))

    async def answer(self, chance: random.Random) -> None:
        """Mostly one that fits, by whom it concerns."""
        rows = await self.clockwork.desk.rows(
            f"select id, signal, department, state from assignment where department <> '{CANARY}' order by id"  # noqa: S608 - a constant
        )
        live = [row for row in rows if row.state not in {"closed", "handed-over"}]
        row = chance.choice(live if live and chance.random() < 0.9 else rows)
        if row.state == "resolved" and chance.random() < 0.9:
            await self._team(chance, row.signal)
        elif chance.random() < 0.03:
            await self._say("team.noord.answers", "signals.withdrawn", signal=str(row.signal), reason="moved")
        else:
            department = row.department if chance.random() < 0.9 else chance.choice(DEPARTMENTS)
            verb = chance.choice(["acknowledged", "acknowledged", "handed-over", "extended", "resolved", "resolved"])
            said = self._said(chance, verb)
            await self._say(f"department.{department}.answers", f"assignments.{verb}", assignment=str(row.id), **said)

    async def _team(self, chance: random.Random, signal: UUID) -> None:
        if chance.random() < 0.3:
            self.hour += 60  # no word, and then perhaps a contest
            await self.clockwork.passes(self.hour)
        verb = chance.choice(["confirmed", "contested"])
        reason = {"reason": "it is not so"} if verb == "contested" else {}
        await self._say("team.noord.answers", f"signals.{verb}", signal=str(signal), **reason)

    async def _say(self, topic: str, name: str, **data: Any) -> None:
        self._said_count += 1
        event = structured(
            id_=f"said-{self._said_count}",
            source="urn:noord" if topic.startswith("team") else "urn:permits",
            type_=f"{PREFIX}.{name}.v1",
            time=START,
            data={"by": "clerk"} | data,
        )
        await self.clockwork.desk.take_in(self.clockwork.desk.record(topic, event, seconds=self.hour * HOUR))

    def _said(self, chance: random.Random, verb: str) -> dict[str, Any]:
        solution = {"customSolution": SOLUTION} if chance.random() < 0.5 else {}
        return {
            "acknowledged": {"contact": {"role": "clerk", "reach": "14 020"}},
            "handed-over": {"to": chance.choice(DEPARTMENTS), "reason": "not ours"},
            "extended": {"until": hours(self.hour + 60).isoformat(), "reason": "a report is needed"},
            "resolved": {"outcome": chance.choice(["solved", "partly"]), "explanation": "done"} | solution,
        }[verb]


@asynccontextmanager
async def at_town(settings: Settings, folder: Path) -> AsyncIterator[Town]:
    """A town in a fresh schema; its exporter's clock is the town's own."""
    async with at_work(settings, folder) as clockwork:
        town: Town
        exporter = build(clockwork.settings, clock=lambda: START + timedelta(hours=town.hour))
        town = Town(clockwork, exporter)
        yield town
        await exporter.stop()
