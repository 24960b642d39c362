"""Contacts with residents, read from the record, agree with what the core keeps of them."""

from datetime import timedelta
from typing import Any

from events.catalogue import PREFIX
from events.envelope import structured
from events.identifiers import signal_id
from services.ledger.contacts import Contacts, contacts_of
from tests.integration.ledger.desk import START

SIGNAL = signal_id("urn:noord", "a")
MINUTE = timedelta(minutes=1)


def contact(desk: Any, id_: str, minutes: float, *, team: str = "noord", **data: Any) -> Any:
    event = structured(
        id_=id_,
        source=f"urn:{team}",
        type_=f"{PREFIX}.signals.contact-recorded.v1",
        time=START,
        data={"signal": str(SIGNAL), "by": "connector", "with": "resident", "form": "visit"} | data,
    )
    return desk.record(f"team.{team}.answers", event, seconds=minutes * 60)


async def found(desk: Any) -> Contacts | None:
    """The contacts, of which the last is also the one that the core keeps."""
    async with desk.engine.connect() as connection:
        contacts = (await contacts_of(connection, [SIGNAL])).get(SIGNAL)
    ((kept,),) = await desk.rows("select contact_on from signal")
    assert kept == (contacts.on if contacts else None)
    return contacts


async def test_nobody_has_spoken_with_the_residents_of_a_fresh_signal(desk):
    await desk.take_in(desk.signal("a"))
    assert await found(desk) is None


async def test_a_contact_with_a_department_is_none_with_residents(desk):
    await desk.take_in(desk.signal("a"))
    await desk.take_in(contact(desk, "1", 1, **{"with": "department"}))
    assert await found(desk) is None


async def test_a_contact_that_was_refused_is_none(desk):
    await desk.take_in(desk.signal("a"))
    await desk.take_in(contact(desk, "1", 1, team="zuid"))
    assert await desk.rows("select refused from record where refused is not null") == [("not-your-signal",)]
    assert await found(desk) is None


async def test_of_several_contacts_the_last_is_the_one_that_was_held_last(desk):
    await desk.take_in(desk.signal("a"))
    await desk.take_in(contact(desk, "1", 5, by="worker", form="call"))
    assert await found(desk) == Contacts(1, START + 5 * MINUTE, "resident", "call", "worker")
    await desk.take_in(contact(desk, "2", 6, on="2026-03-02T09:04:00Z"))
    assert await found(desk) == Contacts(2, START + 5 * MINUTE, "resident", "call", "worker")
    await desk.take_in(contact(desk, "3", 7, on="2026-03-02T10:06:00+01:00", **{"with": "residents-group"}))
    assert await found(desk) == Contacts(3, START + 6 * MINUTE, "residents-group", "visit", "connector")


async def test_a_contact_lies_no_later_than_the_moment_at_which_it_was_told(desk):
    await desk.take_in(desk.signal("a"))
    await desk.take_in(contact(desk, "1", 1, on="2026-03-02T09:01:30Z"))
    assert await found(desk) == Contacts(1, START + MINUTE, "resident", "visit", "connector")
