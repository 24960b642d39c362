"""How far time may have passed: no further than the ledger has read everything that people wrote; pure."""

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta

from services.agreements.model import Agreements
from services.agreements.topics import inputs, topics

Place = tuple[str, int]
"""A topic and the number of one of its partitions."""

TOGETHER = timedelta(seconds=10)
"""Partitions read until moments this close to the earliest are held back by the same trouble, and named with it."""


@dataclass(frozen=True, slots=True)
class Horizon:
    """Every moment before `at` has passed; None while a partition was never read, and then nothing passes."""

    at: datetime | None
    held_by: tuple[Place, ...]
    """The partitions that keep it from being later."""


def asked_for(versions: Iterable[Agreements], input_topics: Collection[str] = ()) -> frozenset[Place]:
    """Every partition that the ledger must read under any of these versions of the agreements.

    `input_topics` replace them where a ledger reads those instead; one that the agreements do not know has one
    partition.
    """
    places: set[Place] = set()
    for agreements in versions:
        partitions = {topic.name: topic.partitions for topic in topics(agreements)}
        for name in input_topics or inputs(agreements):
            places.update((name, number) for number in range(partitions.get(name, 1)))
    return frozenset(places)


def horizon(
    read_until: Mapping[Place, datetime | None], asked: Collection[Place], settle: timedelta, now: datetime
) -> Horizon:
    """The earliest moment until which a partition is read, but no later than `now`, less `settle`.

    A broker whose clock runs ahead must not make promises due that are not: the timekeeper's own clock counts too.
    A partition of `asked` that has no moment, or no row at all, was not read. One that has a row and was not asked
    for counts too: a topic may have more partitions than the catalogue gives it.
    """
    known = dict.fromkeys(asked) | dict(read_until)
    moments = {place: moment for place, moment in known.items() if moment is not None}
    if len(moments) < len(known) or not moments:
        return Horizon(None, tuple(sorted(known.keys() - moments.keys())))
    earliest = min(moments.values())
    held_by = sorted(place for place, moment in moments.items() if moment <= earliest + TOGETHER)
    return Horizon(min(earliest, now) - settle, tuple(held_by))
