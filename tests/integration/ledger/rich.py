"""A ledger in which everything has happened that can: for who compares what follows from its record."""

from typing import Any

from events.catalogue import PREFIX
from events.envelope import structured
from services.agreements.loading import parse
from services.ledger.books import LedgerBooks
from services.runtime.records import Record
from tests.integration.ledger.desk import START
from tests.integration.timekeeper.clockwork import TOWN, Clockwork

HOUR = 3600
CONTACT: dict[str, Any] = {"contact": {"role": "clerk", "reach": "14 020"}}
DONE: dict[str, Any] = {"outcome": "solved", "explanation": "the pond may stay"}
NOT_THEIRS: dict[str, Any] = {"to": "parks", "reason": "it is a park"}
RULE = {"code": "APV 2:10", "title": "Ponds", "owner": "permits"}
CUSTOM = DONE | {"customSolution": {"rule": RULE, "justification": "it is small", "features": ["pond", "small"]}}
RETIRED = TOWN.replace("name: Vergunningen,", "name: Vergunningen, until: 2026-03-05, successor: parks,")


async def live_through(town: Clockwork) -> None:
    """Hand-overs, extensions, contests, refusals, silence, a clock that stepped back, new agreements, a successor."""
    desk = town.desk
    await desk.take_in(*(desk.signal(id_, seconds=number) for number, id_ in enumerate("abcdefghij")))
    await desk.take_in(
        desk.answer("b1", "acknowledged", "b", seconds=HOUR, **CONTACT),
        desk.answer("c1", "handed-over", "c", seconds=2 * HOUR, **NOT_THEIRS),
        desk.answer("d1", "resolved", "d", seconds=3 * HOUR, **DONE),
        desk.answer("e1", "resolved", "e", seconds=3 * HOUR, **DONE),
        desk.answer("x1", "acknowledged", "nothing", seconds=3 * HOUR, **CONTACT),
        desk.record("department.permits.answers", b"no JSON", seconds=3 * HOUR),
    )
    await town.passes(4.5)
    await desk.take_in(
        town.team_answer("e2", "contested", "e", seconds=5 * HOUR, reason="the pond is gone"),
        town.team_answer("h1", "contact-recorded", "h", seconds=5 * HOUR, form="visit", **{"with": "resident"}),
        town.team_answer("x2", "confirmed", "a", seconds=5 * HOUR),
        town.team_answer("x3", "confirmed", "nothing", seconds=5 * HOUR),
        desk.answer("b2", "resolved", "b", seconds=5 * HOUR, **CUSTOM),
        desk.answer("c2", "acknowledged", "c", seconds=5 * HOUR, **CONTACT),
        desk.answer("i1", "acknowledged", "i", seconds=5 * HOUR, **CONTACT),
        desk.answer("g1", "extended", "g", seconds=5 * HOUR, until="2026-03-05T09:00:00Z", reason="it is far"),
    )
    await town.passes(9)
    await desk.take_in(  # as of moments before what has passed: the broker's clock stepped back
        desk.answer("f1", "acknowledged", "f", seconds=6 * HOUR, **CONTACT),
        desk.answer("j1", "resolved", "j", seconds=8 * HOUR, **DONE),
        town.team_answer("b3", "confirmed", "b", seconds=10 * HOUR),
        desk.answer("e3", "resolved", "e", seconds=10 * HOUR, **DONE),
    )
    await town.passes(60)  # d and j are closed without a word
    await desk.take_in(
        town.team_answer("d2", "contested", "d", seconds=61 * HOUR, reason="nobody came"),
        town.team_answer("h2", "withdrawn", "h", seconds=61 * HOUR, reason="they moved"),
        desk.answer("x4", "acknowledged", "h", seconds=62 * HOUR, **CONTACT),
    )
    await new_agreements(town)
    await desk.take_in(desk.signal("k", seconds=63 * HOUR), desk.signal("l", seconds=63 * HOUR))
    await town.passes(90)
    await desk.take_in(
        desk.answer("x5", "acknowledged", "a", seconds=91 * HOUR, **CONTACT),
        desk.answer("k1", "resolved", "k", seconds=80 * HOUR, **DONE),  # handed over meanwhile: refused
        desk.signal("m", seconds=91 * HOUR),
    )
    await desk.take_in(
        of_parks(town, "l1", "resolved", "l", **DONE),
        of_parks(town, "m1", "acknowledged", "m", **CONTACT),
    )
    await town.passes(96)


def of_parks(town: Clockwork, id_: str, verb: str, of: str, **data: Any) -> Record:
    """An answer of parks, which has what is new since permits was retired."""
    body = {"assignment": str(town.desk.assignment(of, "parks")), "by": "gardener"} | data
    type_ = f"{PREFIX}.assignments.{verb}.v1"
    event = structured(id_=id_, source="urn:parks:1", type_=type_, time=START, data=body)
    return town.desk.record("department.parks.answers", event, seconds=92 * HOUR)


async def new_agreements(town: Clockwork) -> None:
    """The second version: permits is retired, and parks its successor."""
    town.settings.agreements.write_text(RETIRED)
    books = LedgerBooks(town.desk.engine, parse(RETIRED))
    await books.open()
    town.desk.intake.books = books
