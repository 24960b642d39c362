"""Questions to the ledger are gathered while one is under way; nobody's question can spoil another's."""

import asyncio

import pytest

from events.catalogue import signal_type
from events.reading import parse
from services.gateway import looking
from services.gateway.looking import Known, Looks


class Ledger:
    """Stands for the reader: answers as told, one question at a time."""

    def __init__(self) -> None:
        self.away = False
        self.gone = False
        self.wrong: set[str] = set()
        self.asked: list[list[str]] = []
        self.release = asyncio.Event()

    async def ask(self, work, *, single):
        assert single
        return None if self.gone else await work(self)

    async def look_up(self, events):
        ids = [event.id for event in events]
        self.asked.append(ids)
        await self.release.wait()
        if self.wrong & set(ids):
            raise ValueError("a fault in the code")
        return Known({(event.source, event.id): event.id.encode() for event in events}, {}, {})


@pytest.fixture
def ledger(monkeypatch):
    monkeypatch.setattr(looking, "look_up", lambda connection, events: connection.look_up(list(events)))
    return Ledger


def event(id_: str):
    data = {"team": "noord", "neighbourhood": "GM0363", "title": "Koi", "phase": "sweet"}
    raw = {"specversion": "1.0", "id": id_, "source": "urn:noord", "type": signal_type("phase-changed"), "data": data}
    return parse(raw, strict=True)


def asked_together(ledger: Ledger, *ids: str):
    """What each asker hears when the first asks, and the others come while it is under way."""

    async def ask():
        looks = Looks(ledger)
        tasks = [asyncio.create_task(looks.known([event(id_)])) for id_ in ids]
        await asyncio.sleep(0)
        ledger.release.set()
        heard = await asyncio.gather(*tasks, return_exceptions=True)
        await looks.stop()
        return heard

    return asyncio.run(ask())


def test_who_come_meanwhile_are_asked_for_together(ledger):
    its = ledger()
    heard = asked_together(its, "a", "b", "c")
    assert [len(ids) for ids in its.asked] in ([1, 2], [3])
    assert [known.digests["urn:noord", id_] for known, id_ in zip(heard, "abc", strict=True)] == [b"a", b"b", b"c"]


def test_more_than_one_question_holds_is_asked_in_turn(ledger, monkeypatch):
    monkeypatch.setattr(looking, "EVENTS_MAX", 2)
    its = ledger()
    assert len(asked_together(its, *"abcde")) == 5
    assert max(map(len, its.asked)) <= 2


def test_a_question_that_fails_fails_for_its_asker_alone(ledger):
    its = ledger()
    its.wrong = {"b"}
    first, second, third = asked_together(its, "a", "b", "c")
    assert isinstance(second, ValueError)
    assert first.digests
    assert third.digests


def test_while_the_database_is_away_nobody_waits(ledger):
    its = ledger()
    its.gone = True
    assert asked_together(its, "a", "b") == [None, None]
    its.away = True
    assert asked_together(its, "a") == [None]
    assert its.asked == []
