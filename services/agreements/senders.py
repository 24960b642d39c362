"""Which `source` is whose: the identity of a sender on the shared topics (contract 1)."""

from collections.abc import Iterator
from typing import Literal

from events.signals import CANARY
from services.agreements.model import Agreements

Sender = tuple[Literal["team", "department"], str]
"""A team or a department, by its code."""


def may_use(agreements: Agreements, sender: Sender, source: str) -> bool:
    """Whether an event of `sender` may carry `source`.

    A sender uses what it lists, and what the gateway sends for it. One that lists nothing may use any source that
    nobody else lists. A sender that the agreements do not know may use none. The canary has one, which is nobody
    else's, whatever they list: not even the gateway's own will do, so that nobody can pass for it.
    """
    if sender[1] == CANARY or source == agreements.canary.source:
        return sender[1] == CANARY and source == agreements.canary.source
    listed = sources_of(agreements, sender)
    if listed is None:
        return False
    if source == agreements.source:
        return True
    if listed:
        return any(covers(pattern, source) for pattern in listed)
    return sender_of(agreements, source) is None


def sender_of(agreements: Agreements, source: str) -> Sender | None:
    """The one sender that lists `source`; None for the gateway's own, and for one that nobody lists."""
    if source == agreements.source:
        return None
    for sender, patterns in listed_sources(agreements):
        if any(covers(pattern, source) for pattern in patterns):
            return sender
    return None


def sources_of(agreements: Agreements, sender: Sender) -> tuple[str, ...] | None:
    """What a sender lists; None when there is no such sender."""
    kind, code = sender
    entry = agreements.departments.get(code) if kind == "department" else agreements.teams.get(code)
    return None if entry is None else entry.sources


def listed_sources(agreements: Agreements) -> Iterator[tuple[Sender, tuple[str, ...]]]:
    """Every sender with what it lists."""
    yield from ((("department", code), entry.sources) for code, entry in agreements.departments.items())
    yield from ((("team", code), entry.sources) for code, entry in agreements.teams.items())


def covers(pattern: str, source: str) -> bool:
    """Whether a listed source, exact or with a trailing `*`, is or begins `source`."""
    return source.startswith(pattern[:-1]) if pattern.endswith("*") else source == pattern


def overlap(one: str, other: str) -> bool:
    """Whether some source is covered by both."""
    return covers(one, other.removesuffix("*")) or covers(other, one.removesuffix("*"))
