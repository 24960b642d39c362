"""Two ledgers and two timekeepers, with restarts among them, come to what one of each comes to."""

from __future__ import annotations

import asyncio
import itertools
import json
import random
from collections import defaultdict
from collections.abc import AsyncIterator, Callable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import TYPE_CHECKING, Any

import pytest

from events.catalogue import PREFIX
from events.envelope import structured
from services.ledger.intake import Intake
from services.ledger.positions import watched
from services.runtime.errors import Fenced, TransientError
from services.runtime.records import Record
from tests.integration.ledger.desk import SIGNALS, START
from tests.integration.timekeeper.clockwork import SETTLE, Clockwork, at_work, hours

if TYPE_CHECKING:
    from pathlib import Path

    from services.ledger.positions import Place
    from services.runtime.settings import Settings

SIGNAL_COUNT = 450
"""Each with two or three assignments: a thousand in all."""
TURN_HOURS = 3
LAST_HOUR = 120
SEED = 1
REPORTING_HOURS = 0.4
SLOTS = {"parks": 0, "team": 1, "permits": 2}
"""Whose hour it is, of every three: the dates of permits (8 hours) and parks (48) fall in their own."""
ACKNOWLEDGE = {"contact": {"role": "clerk", "reach": "14 020"}}
DONE = {"outcome": "solved", "explanation": "the pond may stay"}

Streams = dict["Place", list[Record]]


def streams(clockwork: Clockwork) -> Streams:
    """What a town writes in five days, by partition, in order of time; the same at every call.

    In one hour one of them answers, and so nobody what they cannot have heard yet: there is one right outcome, whoever
    reads which partition first.
    """
    chance = random.Random(7)  # noqa: S311 - the same town in every run
    found: Streams = defaultdict(list)
    for at, write in sorted(_written(clockwork, chance), key=lambda item: item[0]):
        record = write(at)
        found[record.topic, record.partition].append(record)
    return found


def _written(clockwork: Clockwork, chance: random.Random) -> Iterator[tuple[float, Callable[[float], Record]]]:
    desk = clockwork.desk
    for number in range(SIGNAL_COUNT):
        name = f"s{number}"
        yield (
            number / SIGNAL_COUNT * REPORTING_HOURS,
            lambda at, name=name, to=number % 6: desk.signal(
                name, seconds=at * 3600, partition=to, departments=["parks"]
            ),
        )
        for department in ("permits", "parks"):
            for verb, data in _answers(chance):
                at = _some_time(chance, department)
                id_ = f"{department}-{name}-{verb}"
                yield at, lambda at, args=(id_, verb, name, department, data): _answer(clockwork, at, *args)
        for verb in ("confirmed", "contested", "contact-recorded"):
            if chance.random() < 0.5:
                at = _some_time(chance, "team")
                yield at, lambda at, verb=verb, name=name: _team(clockwork, at, verb, name)


def _some_time(chance: random.Random, sender: str) -> float:
    """In one of the sender's own hours, not within the settle time of the next; soon more often than late."""
    turn = 1 + int((LAST_HOUR // TURN_HOURS) * chance.random() ** 3)
    return turn * TURN_HOURS + SLOTS[sender] + 0.05 + 0.9 * chance.random()


def _answers(chance: random.Random) -> Iterator[tuple[str, dict[str, Any]]]:
    """Most are acknowledged, fewer resolved, some handed over; some too early, too late, or both."""
    if chance.random() < 0.6:
        yield "acknowledged", ACKNOWLEDGE
    if chance.random() < 0.5:
        yield "resolved", DONE
    if chance.random() < 0.3:
        yield "handed-over", {"to": "control", "reason": "not ours"}
    if chance.random() < 0.3:
        yield "extended", {"reason": "a report is needed"}


def _answer(clockwork: Clockwork, at: float, *said: Any) -> Record:
    id_, verb, name, department, data = said
    own = {"assignment": str(clockwork.desk.assignment(name, department)), "by": "clerk"} | data
    type_ = f"{PREFIX}.assignments.{verb}.v1"
    event = structured(id_=id_, source=f"urn:{department}", type_=type_, time=START, data=own)
    return clockwork.desk.record(f"department.{department}.answers", event, seconds=at * 3600)


def _team(clockwork: Clockwork, at: float, verb: str, name: str) -> Record:
    data = {
        "confirmed": {},
        "contested": {"reason": "it is not so"},
        "contact-recorded": {"with": "resident", "form": "call", "on": "2026-03-02T09:00:00Z"},
    }[verb]
    return clockwork.team_answer(f"{verb}-{name}", verb, name, seconds=at * 3600, **data)


@dataclass
class Worker:
    """A ledger's worker: it reads its partitions in order, and says until when it has."""

    clockwork: Clockwork
    written: Streams
    owner: str
    chance: random.Random
    places: list[Place] = field(default_factory=list)

    async def read(self, until: datetime) -> None:
        """Take over, read all that was written before `until`, in batches of any size; a lost partition is left."""
        desk = self.clockwork.desk
        intake = Intake(desk.engine, desk.intake.books, owner=self.owner)
        try:
            done = await desk.positions.take_over(self.places, self.owner)
            while batch := self._batch(done, until):
                await intake.work(batch)
                for record in batch:
                    done[record.topic, record.partition] = max(record.offset + 1, done[record.topic, record.partition])
            async with desk.engine.begin() as connection:
                await watched(connection, {place: (offset, until) for place, offset in done.items()}, self.owner)
        except Fenced:
            return

    def _batch(self, done: dict[Place, int], until: datetime) -> list[Record]:
        """Some records of some partitions, now and then with a few that were read before."""
        batch: list[Record] = []
        for place, offset in done.items():
            again = self.chance.randrange(3) if offset and self.chance.random() < 0.2 else 0
            coming = [record for record in self.written[place][offset:] if record.timestamp < until]
            batch += self.written[place][max(0, offset - again) : offset] if coming else []
            batch += coming[: self.chance.randrange(1, 60)]
        return batch


async def lived(clockwork: Clockwork, workers: int, keepers: int, seed: int) -> None:
    """Five days and what comes after: so many ledgers and timekeepers at once, who are restarted at random."""
    chance = random.Random(seed)  # noqa: S311 - a failure can be repeated
    written = streams(clockwork)
    names = itertools.count()
    reports = [place for place in clockwork.places if place[0] == SIGNALS]
    everything = sorted(clockwork.places)
    await _turn(clockwork, written, {"first": reports}, hours(0.5), keepers, chance)
    for hour in range(1, LAST_HOUR * 2):
        owners = {f"{next(names)}": places for places in _shared(everything, workers, chance)}
        await _turn(clockwork, written, owners, hours(hour), keepers, chance)
    await clockwork.passes(LAST_HOUR * 20)


async def _turn(
    clockwork: Clockwork,
    written: Streams,
    owners: dict[str, list[Place]],
    until: datetime,
    keepers: int,
    chance: random.Random,
) -> None:
    """One hour of reading, with timekeepers at work; some are new, and some workers' partitions are taken from them."""
    workers = [Worker(clockwork, written, owner, chance, places) for owner, places in owners.items()]
    if len(workers) > 1 and chance.random() < 0.3:
        robbed = chance.sample(workers[0].places, 5)
        workers.append(Worker(clockwork, written, f"{workers[0].owner}-heir", chance, robbed))
    while len(clockwork.keepers) < keepers:
        clockwork.keeper()
    reading = asyncio.gather(*[worker.read(until + SETTLE) for worker in workers])
    while not reading.done():
        await asyncio.gather(*[_looked(keeper.turn()) for keeper in clockwork.keepers[-keepers:]])
        await asyncio.sleep(0)
    await reading
    if keepers > 1 and chance.random() < 0.2:
        await clockwork.keepers.pop(chance.randrange(len(clockwork.keepers))).stop()


async def _looked(turn: Any) -> None:
    try:
        await turn
    except TransientError:
        return


def _shared(places: Sequence[Place], workers: int, chance: random.Random) -> list[list[Place]]:
    shares: list[list[Place]] = [[] for _ in range(workers)]
    for place in places:
        chance.choice(shares).append(place)
    return shares


async def became(clockwork: Clockwork) -> dict[str, Any]:
    """The end: both state tables, and what was told, on each topic in order per assignment.

    Moments of two assignments of one signal have no order between them: each answer lets those of its own pass first.
    """
    desk = clockwork.desk
    signals = await desk.rows("select row_to_json(signal)::text as row from signal order by id")
    assignments = await desk.rows("select row_to_json(assignment)::text as row from assignment order by id")
    told: dict[tuple[str, str, str], list[Any]] = defaultdict(list)
    for row in await desk.rows("select topic, signal, value from outbox order by seq"):
        event = json.loads(row.value)
        told[row.topic, str(row.signal), event["data"].get("assignment", "")].append(event)
    return {
        "signals": [row.row for row in signals],
        "assignments": [row.row for row in assignments],
        "told": {place: [event["id"] for event in events] for place, events in told.items()},
        "events": {event["id"]: event for events in told.values() for event in events},
    }


@pytest.fixture
async def other(settings: Settings, tmp_path: Path) -> AsyncIterator[Clockwork]:
    folder = tmp_path / "other"
    folder.mkdir()
    own = settings.model_copy(update={"database_schema": f"{settings.database_schema}_other"})
    async with at_work(own, folder) as clockwork:
        yield clockwork


async def test_a_thousand_assignments_end_as_with_one_of_each_and_everything_is_told_once(
    clockwork: Clockwork, other: Clockwork
) -> None:
    await lived(clockwork, workers=1, keepers=1, seed=SEED)
    await lived(other, workers=2, keepers=2, seed=SEED)
    alone, together = await became(clockwork), await became(other)
    assert len(alone["assignments"]) >= 1000
    for ids in together["told"].values():
        assert len(ids) == len(set(ids))
    assert together["signals"] == alone["signals"]
    assert together["assignments"] == alone["assignments"]
    assert together["events"] == alone["events"]
    assert together["told"] == alone["told"]
    kinds = {event["type"].split(".")[-2] for event in alone["events"].values()}
    assert {"reminded", "escalated", "deadline-missed", "closed", "refused", "resolution-proposed"} <= kinds
