"""The sections `promises`, `ladders` and `patterns`."""

import re
from typing import cast, get_args

from ruamel.yaml.nodes import Node

from events.outcomes import Stage
from services.agreements import durations
from services.agreements.durations import Duration
from services.agreements.model import Act, Ladder, Mark, Patterns, Promise, Rung
from services.agreements.reading.reader import Entry, Reader

STAGES: tuple[Stage, ...] = get_args(Stage)
_PERCENT = re.compile(r"([1-9]\d?) *%", re.ASCII)
_DUE = re.compile(r"due(?: *(?P<sign>[+-]) *(?P<duration>.+))?", re.ASCII)
_MARKS = "write `50%`, `due`, `due + 2 working days` or `due - 1 days`"


def read_promise(reader: Reader, entry: Entry) -> Promise:
    """One promise."""
    what = f"promise {entry.name}"
    required = ("acknowledge", "resolve", "confirm")
    found = reader.fields(entry.value, what, required, ("extensions", "extension"), entry.key)
    extensions = reader.number(found.get("extensions"), "extensions", 0)
    if extensions and "extension" not in found:
        reader.problem(
            found["extensions"], f"{what} allows extensions and does not say how long; add extension: 4 weeks"
        )
    if "extension" in found and "extensions" not in found:
        reader.problem(found["extension"], f"{what} does not say how many extensions; add extensions: 1")
    return Promise(
        name=entry.name,
        acknowledge=reader.duration(found.get("acknowledge"), "acknowledge"),
        resolve=reader.duration(found.get("resolve"), "resolve"),
        confirm=reader.duration(found.get("confirm"), "confirm"),
        extensions=extensions,
        extension=reader.duration(found["extension"], "extension") if "extension" in found else None,
    )


def read_patterns(reader: Reader, node: Node | None) -> Patterns:
    """From when signals are a pattern; the contract's own figures when the section is absent."""
    if node is None:
        return Patterns(3, Duration(90, "days"))
    found = reader.fields(node, "patterns", ("signals", "within"))
    return Patterns(reader.number(found.get("signals"), "signals", 2), reader.duration(found.get("within"), "within"))


def read_ladder(reader: Reader, entry: Entry) -> Ladder:
    """One ladder; its rungs are numbered in the order of the file."""
    rungs = enumerate(reader.items(entry.value, f"ladder {entry.name}"), start=1)
    return Ladder(entry.name, tuple(_rung(reader, number, node) for number, node in rungs))


def _rung(reader: Reader, number: int, node: Node) -> Rung:
    found = reader.fields(node, f"rung {number}", ("stage", "at"), ("remind", "escalate"))
    stage = reader.text(found.get("stage"), "stage")
    if stage and stage not in STAGES:
        reader.problem(found["stage"], f"there is no stage {stage!r}{reader.near(stage, STAGES)}")
    act, to = _act(reader, found, node, stage)
    return Rung(number, cast("Stage", stage), _mark(reader, found.get("at")), act, to)


def _act(reader: Reader, found: dict[str, Node], node: Node, stage: str) -> tuple[Act, str]:
    if ("remind" in found) == ("escalate" in found):
        reader.problem(node, "a rung does one thing: add either remind: department or escalate: <department code>")
        return "remind", ""
    if "escalate" in found:
        return "escalate", reader.reference(found["escalate"], "department")
    who = reader.text(found["remind"], "remind")
    allowed = ("team", "department") if stage == "confirm" else ("department",)
    if who and who not in allowed:
        hint = "; to call in another department write escalate" if who in reader.names["department"] else ""
        reader.problem(found["remind"], f"a reminder at this stage goes to {' or '.join(allowed)}, not {who!r}{hint}")
    return "remind", who


def _mark(reader: Reader, node: Node | None) -> Mark:
    text = reader.text(node, "at").strip()
    if node is None or not text:
        return Mark()
    if share := _PERCENT.fullmatch(text):
        return Mark(percent=int(share[1]))
    due = _DUE.fullmatch(text)
    if due is None:
        reader.problem(node, f"{text!r} is no moment of a term; {_MARKS}")
        return Mark()
    return _around_due(reader, node, due["sign"], due["duration"])


def _around_due(reader: Reader, node: Node, sign: str | None, text: str | None) -> Mark:
    if sign is None or text is None:
        return Mark()
    try:
        duration = durations.parse(text)
    except ValueError as error:
        reader.problem(node, f"at: {error}")
        return Mark()
    return Mark(after=duration) if sign == "+" else Mark(before=duration)
