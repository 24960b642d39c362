"""Records that no ledger can take in, of every sort, and those that only its database refuses."""

import random
from collections.abc import Callable, Mapping
from typing import Any

from events.catalogue import PREFIX, department_answers
from events.envelope import STRUCTURED_HEADERS, encode
from tests.benchmarks.loop_town import PROMPT, SIGNALS, Message, message, signal

TOO_LARGE_BYTES = 70_000
REFUSED, FAILING = "refused by the database", "fails in the work"
"""The two sorts that read well and fail late; they need the trigger that `refusing.py` puts into the database."""

Sort = Callable[["Poisons"], Message]


class Poisons:
    """Makes bad records from a seed, the sorts in turn."""

    def __init__(self, seed: int, sorts: Mapping[str, Sort] | None = None) -> None:
        self.lot = random.Random(seed)  # noqa: S311 - repeatable, no secret
        self.sorts = EARLY if sorts is None else sorts
        self.made: dict[str, int] = dict.fromkeys(self.sorts, 0)
        self.known: tuple[str, dict[str, Any]] | None = None
        """A signal that was sent before, of which the conflicting sort makes another."""

    def __next__(self) -> tuple[str, Message]:
        """The next sort that can be made, and a record of it."""
        possible = [sort for sort in self.sorts if sort != CONFLICTING or self.known]
        name = min(possible, key=lambda sort: self.made[sort])
        self.made[name] += 1
        return name, self.sorts[name](self)

    @property
    def total(self) -> int:
        """How many were made."""
        return sum(self.made.values())


CONFLICTING = "another content under a known id"


def _bytes(poisons: Poisons) -> Message:
    return SIGNALS, poisons.lot.randbytes(8), b"\xff" + poisons.lot.randbytes(40), STRUCTURED_HEADERS


def _no_json(poisons: Poisons) -> Message:
    return SIGNALS, poisons.lot.randbytes(8), b'{"specversion": "1.0", ', STRUCTURED_HEADERS


def _schema(poisons: Poisons) -> Message:
    _, event = signal(poisons.lot.randrange(100))
    del event["data"]["initiative"]
    return message(SIGNALS, event)


def _type(poisons: Poisons) -> Message:
    _, event = signal(poisons.lot.randrange(100))
    return message(SIGNALS, event | {"type": f"{PREFIX}.signals.unheard-of.v1"})


def _code(poisons: Poisons) -> Message:
    return message(SIGNALS, signal(poisons.lot.randrange(100), team="nergens")[1])


def _personal(poisons: Poisons) -> Message:
    return message(SIGNALS, signal(poisons.lot.randrange(100), title="Bel bewoner@voorbeeld.nl")[1])


def _forged(poisons: Poisons) -> Message:
    return message(SIGNALS, signal(0)[1] | {"source": "urn:zuid"})


def _too_large(poisons: Poisons) -> Message:
    _, event = signal(poisons.lot.randrange(100))
    return SIGNALS, event["id"].encode(), encode(event) + b" " * TOO_LARGE_BYTES, STRUCTURED_HEADERS


def _misplaced(poisons: Poisons) -> Message:
    return message(department_answers(PROMPT), signal(poisons.lot.randrange(100))[1])


def _conflicting(poisons: Poisons) -> Message:
    assert poisons.known is not None
    topic, event = poisons.known
    return message(topic, event | {"data": event["data"] | {"title": f"Anders {poisons.lot.random()}"}})


def _refused(poisons: Poisons) -> Message:
    return message(SIGNALS, signal(poisons.lot.randrange(100), id_=f"refused-{poisons.lot.getrandbits(64):x}")[1])


def _failing(poisons: Poisons) -> Message:
    return message(SIGNALS, signal(poisons.lot.randrange(100), id_=f"failing-{poisons.lot.getrandbits(64):x}")[1])


EARLY: Mapping[str, Sort] = {
    "no UTF-8": _bytes,
    "no JSON": _no_json,
    "against its schema": _schema,
    "unknown type": _type,
    "unknown code": _code,
    "personal data": _personal,
    "forged source": _forged,
    "too large": _too_large,
    "on the wrong topic": _misplaced,
    CONFLICTING: _conflicting,
}
"""What the ledger knows when it reads it, or (the last) as it records its identity."""
LATE: Mapping[str, Sort] = {REFUSED: _refused, FAILING: _failing}
