"""What changed between two JSON Schemas of a type, and whom each change breaks.

A change is *wider* when events become valid that were not (who reads with the old schema may meet what it does not
know) and *narrower* when events that were valid no longer are (who writes by the old schema is refused). An added
optional field is neither: readers ignore what they do not know. Source of the idea: getsentry/sentry-kafka-schemas.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any, Literal

from events.catalogue import Entry

Schema = dict[str, Any]
Side = Literal["readers", "writers"]

# Limits below which, or above which, a value is refused: raising a lower limit narrows, raising an upper one widens.
_UPPER = ("maxLength", "maximum", "exclusiveMaximum", "maxItems", "maxProperties")
_LOWER = ("minLength", "minimum", "exclusiveMinimum", "minItems", "minProperties")
_ANNOTATIONS = frozenset({"$schema", "$id", "$comment", "$defs", "title", "description", "default", "examples"})
_COMPARED = frozenset({"type", "properties", "required", "enum", "const", "items", *_UPPER, *_LOWER})


@dataclass(frozen=True, slots=True)
class Change:
    """One difference: where, what, and which side it breaks when that side is not changed with it."""

    where: str
    what: str
    breaks: tuple[Side, ...]
    first: Side  # the side to deploy first, where it can be done without breaking anyone

    def is_breaking(self, entry: Entry) -> bool:
        """Whether it breaks people outside the loop, who cannot be deployed together with it."""
        return any(side in self.breaks for side in outside(entry))

    def describe(self, entry: Entry) -> str:
        """One line for people: breaking or compatible, where, what, for whom, and who goes first."""
        verdict = "BREAKING" if self.is_breaking(entry) else "compatible"
        whom = f"breaks {' and '.join(self.breaks)}" if self.breaks else "breaks nobody"
        return f"{verdict}: {self.where}: {self.what} ({whom}; deploy the {self.first} first)"


def outside(entry: Entry) -> tuple[Side, ...]:
    """Which sides of a type are people outside: who writes an input, who reads what the loop sends.

    An answer that is passed on as it was sent, so found on a second topic, has them on both sides.
    """
    if entry.sender == "loop":
        return ("readers",)
    return ("readers", "writers") if len(entry.topics) > 1 else ("writers",)


def compare(old: Schema | None, new: Schema | None) -> list[Change]:
    """Every change from `old` to `new`; None where the type does not exist."""
    if old is None or new is None:
        if old is new:
            return []
        gone = new is None
        return [_both("", "the type was removed")] if gone else [Change("", "the type was added", (), "readers")]
    return list(_compare(_expanded(old, old), _expanded(new, new), "event"))


def _expanded(part: Any, whole: Schema) -> Any:
    """A part of a schema with what it refers to in its place, and without annotations; ours never refer in a circle."""
    if isinstance(part, list):
        return [_expanded(item, whole) for item in part]
    if not isinstance(part, dict):
        return part
    if "$ref" in part:
        part = whole["$defs"][part["$ref"].removeprefix("#/$defs/")] | {k: v for k, v in part.items() if k != "$ref"}
    return {
        name: {field: _expanded(value, whole) for field, value in inner.items()}
        if name == "properties"
        else _expanded(inner, whole)
        for name, inner in part.items()
        if name not in _ANNOTATIONS
    }


def _wider(where: str, what: str) -> Change:
    return Change(where, what, ("readers",), "readers")


def _narrower(where: str, what: str) -> Change:
    return Change(where, what, ("writers",), "writers")


def _both(where: str, what: str) -> Change:
    return Change(where, what, ("readers", "writers"), "readers")


def _compare(old: Schema, new: Schema, where: str) -> Iterator[Change]:
    yield from _null(old, new, where)
    old, new = _without_null(old), _without_null(new)
    yield from _sets("type", _types(old), _types(new), where)
    yield from _sets("value", _values(old), _values(new), where)
    yield from _limits(old, new, where)
    yield from _fields(old, new, where)
    yield from _items(old, new, where)
    yield from _others(old, new, where)


_NULL: Schema = {"type": "null"}


def _null(old: Schema, new: Schema, where: str) -> Iterator[Change]:
    before, after = (_NULL in part.get("anyOf", []) for part in (old, new))
    if after and not before:
        yield _wider(where, "null is allowed")
    if before and not after:
        yield _narrower(where, "null is no longer allowed")


def _without_null(part: Schema) -> Schema:
    """A choice between one thing and null is that thing; the choice itself was compared already."""
    options = [option for option in part.get("anyOf", []) if option != _NULL]
    rest = {name: value for name, value in part.items() if name != "anyOf"}
    if len(options) == 1:
        return {**options[0], **rest}
    return {**rest, "anyOf": options} if options else rest


def _types(part: Schema) -> frozenset[str] | None:
    named = part.get("type")
    if named is None:
        return None
    types = {named} if isinstance(named, str) else set(named)
    return frozenset(types | {"integer"} if "number" in types else types)


def _values(part: Schema) -> frozenset[str] | None:
    if "const" in part:
        return frozenset([repr(part["const"])])
    return frozenset(map(repr, part["enum"])) if "enum" in part else None


def _sets(kind: str, old: frozenset[str] | None, new: frozenset[str] | None, where: str) -> Iterator[Change]:
    """A closed set that grew or shrank; None is every value."""
    if old is not None and new is None:
        yield _wider(where, f"any {kind} is allowed")
    elif new is not None and old is None:
        yield _narrower(where, f"only {_listed(new)} {'is' if len(new) == 1 else 'are'} allowed")
    elif old is not None and new is not None:
        if added := new - old:
            yield _wider(where, f"{kind} {_listed(added)} was added")
        if removed := old - new:
            yield _narrower(where, f"{kind} {_listed(removed)} was removed")


def _listed(words: Iterable[str]) -> str:
    return ", ".join(sorted(words))


def _limits(old: Schema, new: Schema, where: str) -> Iterator[Change]:
    for name in (*_UPPER, *_LOWER):
        before, after = old.get(name), new.get(name)
        if before == after:
            continue
        said = f"{name} went from {before} to {after}"
        raised = after is not None and before is not None and after > before
        wider = after is None or (before is not None and raised == (name in _UPPER))
        yield (_wider if wider else _narrower)(where, said)


def _fields(old: Schema, new: Schema, where: str) -> Iterator[Change]:
    before, after = old.get("properties", {}), new.get("properties", {})
    required, demanded = set(old.get("required", [])), set(new.get("required", []))
    for name in sorted(before.keys() - after.keys()):
        yield _both(f"{where}.{name}", "the field was removed: readers miss it, and the HTTP edge refuses it")
    for name in sorted(after.keys() - before.keys() - demanded):
        yield Change(f"{where}.{name}", "an optional field was added", (), "readers")
    for name in sorted(demanded - required):
        added = "a required field was added" if name not in before else "the field became required"
        yield _narrower(f"{where}.{name}", added)
    for name in sorted((required - demanded) & after.keys()):
        yield _wider(f"{where}.{name}", "the field is no longer required")
    for name in sorted(before.keys() & after.keys()):
        yield from _compare(before[name], after[name], f"{where}.{name}")


def _items(old: Schema, new: Schema, where: str) -> Iterator[Change]:
    before, after = old.get("items", {}), new.get("items", {})
    if before or after:
        yield from _compare(before, after, f"{where}[]")


def _others(old: Schema, new: Schema, where: str) -> Iterator[Change]:
    """Keywords of which it cannot be said in general which way they go; a change of one counts as breaking."""
    names = (old.keys() | new.keys()) - _COMPARED
    for name in sorted(names):
        if old.get(name) == new.get(name):
            continue
        if name not in new:
            yield _wider(where, f"{name} was dropped")
        elif name not in old:
            yield _narrower(where, f"{name} was added")
        else:
            yield _both(where, f"{name} changed")
