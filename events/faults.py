"""What is wrong with a message, said so that its sender can mend it."""

import re
from collections.abc import Iterable
from typing import Any, Literal, NamedTuple, get_args

from pydantic import ValidationError

Reason = Literal[
    "no-value",  # a null value: no event at all
    "not-utf-8",  # bytes, or a CloudEvents header, that are no UTF-8
    "not-json",  # text that is no JSON, or JSON that is no object
    "too-large",  # over 64 KiB
    "unknown-type",  # a type that this version does not know, or one that does not belong on the topic
    "unreadable",  # an event that breaks the rules of its type
    "personal-data",  # a BSN, an e-mail address or a phone number in free text
    "in-the-future",  # `time`, `since` or a contact later than the moment of receipt
    "unknown-code",  # a team, department or CBS code that the agreements do not know
    "forged",  # a source that is not its sender's
    "conflicting-repeat",  # the same source and id as an earlier event, with other content
    "refused-by-database",  # a record that the database does not accept
    "unworkable",  # a record on which the service keeps failing
]
"""Why a message becomes a dead letter; a closed set, for it is a metric's label."""

REASONS: tuple[Reason, ...] = get_args(Reason)


FAULTS_SAID_MAX = 20
"""How many faults an error's sentence names; it becomes a header of a dead letter. `faults` holds all."""


class Fault(NamedTuple):
    """One thing that is wrong: `where` is a path as in `data.rules[1].code`, `what` a sentence without a capital."""

    where: str
    what: str

    def __str__(self) -> str:
        return f"{self.where}: {self.what}" if self.where else self.what


class Unreadable(ValueError):  # noqa: N818 - the glossary's word, and the refusal code of contract 1.4
    """A message that is no valid event, with everything that is wrong with it."""

    def __init__(self, reason: Reason, faults: Iterable[Fault]) -> None:
        self.reason: Reason = reason
        self.faults = tuple(faults)
        said = [str(fault) for fault in self.faults[:FAULTS_SAID_MAX]]
        more = len(self.faults) - len(said)
        super().__init__("; ".join([*said, f"and {more} more"] if more else said))


def faults_of(error: ValidationError, prefix: str = "") -> list[Fault]:
    """Every fault in pydantic's error, with the path in the notation of `Fault`."""
    return [Fault(_path(prefix, item["loc"]), _sentence(dict(item))) for item in error.errors(include_url=False)]


def _path(prefix: str, location: tuple[int | str, ...]) -> str:
    path = prefix
    for step in location:
        path += f"[{step}]" if isinstance(step, int) else f".{step}" if path else step
    return path


_SENTENCES = {
    "missing": "is required",
    "extra_forbidden": "is not a field of this type; remove it or correct its name",
    "model_type": "must be a JSON object",
    "dict_type": "must be a JSON object",
}


def _sentence(item: dict[str, Any]) -> str:
    if item["type"] in _SENTENCES:
        return _SENTENCES[item["type"]]
    message = str(item["msg"]).removeprefix("Value error, ").replace(" after validation", "")
    message = re.sub(r"^\w+ should ", "must ", message)
    return message[:1].lower() + message[1:]
