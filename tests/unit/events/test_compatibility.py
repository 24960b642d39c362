"""Changes of a schema are called by their right name, and no release breaks who is not deployed with it."""

import copy
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from events.catalogue import CATALOGUE, INPUTS
from events.compatibility import Change, compare
from events.schemas import schema_of, schemas

RELEASED = Path(__file__).parents[3] / "schemas" / "released"
TYPE = "nl.koikarper.signals.custom-solution-requested.v1"

Schema = dict[str, Any]
Edit = Callable[[Schema], object]


def last_release() -> dict[str, Any]:
    """The schemas of the newest release, by the numbers of its version."""
    newest = max(RELEASED.glob("*.json"), key=lambda path: [int(part) for part in path.stem.split(".")])
    release: dict[str, Any] = json.loads(newest.read_text())
    return release


def changed(edit: Edit, type_: str = TYPE) -> list[Change]:
    """What is found when `edit` is done to the schema of a type's data."""
    old, new = schema_of(type_), schema_of(type_)
    name = new["properties"]["data"]["$ref"].rpartition("/")[2]
    edit(new["$defs"][name])
    return compare(old, new)


def fields(data: Schema) -> Schema:
    properties: Schema = data["properties"]
    return properties


def test_nothing_changed_since_the_last_release_breaks_anyone(capsys: pytest.CaptureFixture[str]) -> None:
    released = last_release()
    breaking = []
    for type_ in sorted(released["types"] | CATALOGUE):
        entry = CATALOGUE.get(type_, CATALOGUE[TYPE])  # of a type that is gone every change breaks
        for change in compare(released["types"].get(type_), schemas().get(type_)):
            line = f"{type_}: {change.describe(entry)}"
            with capsys.disabled():
                print(f"\nsince {released['version']}: {line}")  # noqa: T201 - a reviewer is to see each change
            breaking += [line] if change.is_breaking(entry) else []
    assert not breaking, "Give the type a new version (…v2) beside this one, or undo:\n" + "\n".join(breaking)


def test_a_release_holds_every_type_that_it_had() -> None:
    released = last_release()
    assert released["types"]
    assert all(type_.startswith("nl.koikarper.") for type_ in released["types"])


@pytest.mark.parametrize("type_", CATALOGUE)
def test_a_schema_equals_itself(type_: str) -> None:
    assert compare(schema_of(type_), schema_of(type_)) == []


WIDER: dict[str, Edit] = {
    "maxLength raised": lambda data: fields(data)["title"].update(maxLength=300),
    "maxLength dropped": lambda data: fields(data)["title"].pop("maxLength"),
    "minLength lowered": lambda data: fields(data)["title"].update(minLength=0),
    "maxItems raised": lambda data: fields(data)["features"].update(maxItems=30),
    "minItems lowered": lambda data: fields(data)["features"].update(minItems=0),
    "a field no longer required": lambda data: data["required"].remove("reason"),
    "null allowed": lambda data: fields(data).update(reason={"anyOf": [fields(data)["reason"], {"type": "null"}]}),
    "pattern dropped": lambda data: fields(data)["team"].pop("pattern"),
    "type added": lambda data: fields(data)["title"].update(type=["string", "integer"]),
}
NARROWER: dict[str, Edit] = {
    "maxLength lowered": lambda data: fields(data)["title"].update(maxLength=100),
    "maxLength of an optional field lowered": lambda data: fields(data)["description"]["anyOf"][0].update(maxLength=9),
    "minLength raised": lambda data: fields(data)["title"].update(minLength=3),
    "maxItems of words lowered": lambda data: fields(data)["features"].update(maxItems=5),
    "a word's length lowered": lambda data: fields(data)["features"]["items"].update(maxLength=5),
    "a required field added": lambda data: (
        fields(data).update(urgency={"type": "string"}),
        data["required"].append("urgency"),
    ),
    "an optional field became required": lambda data: data["required"].append("since"),
    "null no longer allowed": lambda data: fields(data).update(since=fields(data)["caseReference"]["anyOf"][0]),
    "a pattern added": lambda data: fields(data)["departments"]["anyOf"][0].update(uniqueItems=True),
    "a closed set made": lambda data: fields(data)["title"].update(enum=["a", "b"]),
    "a condition added": lambda data: data.update({"if": {"required": ["since"]}}),
}
BOTH: dict[str, Edit] = {
    "a field removed": lambda data: fields(data).pop("advocate"),
    "a pattern changed": lambda data: fields(data)["team"].update(pattern="^[a-z]+$"),
    "a format changed": lambda data: fields(data)["since"]["anyOf"][0].update(format="time"),
}


@pytest.mark.parametrize("name", WIDER)
def test_what_becomes_valid_breaks_readers_who_are_deployed_first(name: str) -> None:
    (change,) = changed(WIDER[name])
    assert (change.breaks, change.first) == (("readers",), "readers")


@pytest.mark.parametrize("name", NARROWER)
def test_what_is_no_longer_valid_breaks_writers_who_are_deployed_first(name: str) -> None:
    changes = changed(NARROWER[name])
    assert changes
    assert any(change.breaks == ("writers",) and change.first == "writers" for change in changes)


@pytest.mark.parametrize("name", BOTH)
def test_what_cannot_be_judged_or_goes_away_breaks_both(name: str) -> None:
    (change,) = changed(BOTH[name])
    assert change.breaks == ("readers", "writers")


def test_an_optional_field_that_is_added_breaks_nobody() -> None:
    (change,) = changed(lambda data: fields(data).update(urgency={"type": "string"}))
    assert (change.where, change.breaks, change.first) == ("event.data.urgency", (), "readers")
    assert not any(change.is_breaking(entry) for entry in CATALOGUE.values())


@pytest.mark.parametrize(
    ("edit", "breaks", "said"),
    [
        (lambda schema: schema["enum"].append("weather"), ("readers",), "value 'weather' was added"),
        (lambda schema: schema["enum"].remove("other"), ("writers",), "value 'other' was removed"),
    ],
)
def test_a_closed_set_that_grows_breaks_readers_and_one_that_shrinks_breaks_writers(
    edit: Edit, breaks: tuple[str, ...], said: str
) -> None:
    (change,) = changed(lambda data: edit(fields(data)["blockedBy"]), "nl.koikarper.signals.initiative-blocked.v1")
    assert (change.where, change.breaks, change.what) == ("event.data.blockedBy", breaks, said)


def test_a_change_in_a_shared_part_is_found_where_it_is_used() -> None:
    old, new = schema_of(TYPE), schema_of(TYPE)
    new["$defs"]["Rule"]["required"].append("title")
    (change,) = compare(old, new)
    assert (change.where, change.breaks) == ("event.data.rule.title", ("writers",))


def test_a_condition_that_goes_away_or_changes_is_told() -> None:
    type_ = "nl.koikarper.signals.initiative-blocked.v1"
    (gone,) = changed(lambda data: data.pop("then"), type_)
    assert gone.breaks == ("readers",)
    (other,) = changed(lambda data: data["if"]["properties"]["blockedBy"].update(const="permit"), type_)
    assert other.breaks == ("readers", "writers")


def test_words_for_people_are_no_change() -> None:
    assert changed(lambda data: data.update({"description": "x", "$comment": "y", "examples": []})) == []


def test_a_field_with_the_name_of_an_annotation_is_compared() -> None:
    (change,) = changed(lambda data: fields(data).pop("title") and data["required"].remove("title"))
    assert change.where == "event.data.title"


def test_a_type_that_goes_away_breaks_both_and_a_new_one_nobody() -> None:
    (gone,) = compare(schema_of(TYPE), None)
    assert gone.breaks == ("readers", "writers")
    (new,) = compare(None, schema_of(TYPE))
    assert new.breaks == ()
    assert compare(None, None) == []


@pytest.mark.parametrize(
    ("type_", "readers", "writers"),
    [
        ("signals.closed", True, False),  # the loop sends it
        ("signals.confirmed", False, True),  # only the loop reads it
        ("signals.phase-changed", False, True),
        ("signals.contested", True, True),  # passed on as sent, to the departments
        ("assignments.resolved", True, True),  # and to the team
    ],
)
def test_a_change_breaks_when_it_breaks_people_outside(type_: str, readers: bool, writers: bool) -> None:
    entry = CATALOGUE[f"nl.koikarper.{type_}.v1"]
    (wider,) = changed(WIDER["maxLength raised"])
    (narrower,) = changed(NARROWER["maxLength lowered"])
    assert (wider.is_breaking(entry), narrower.is_breaking(entry)) == (readers, writers)
    assert wider.describe(entry).startswith("BREAKING" if readers else "compatible")
    assert "deploy the writers first" in narrower.describe(entry)


@given(st.integers(1, 500), st.integers(1, 500))
def test_a_limit_narrows_when_and_only_when_something_valid_no_longer_is(before: int, after: int) -> None:
    old, new = ({"type": "string", "maxLength": limit} for limit in (before, after))
    was_valid = {length for length in range(502) if length <= before}
    is_valid = {length for length in range(502) if length <= after}
    (sides,) = [change.breaks for change in compare(old, new)] or [()]
    assert ("writers" in sides) == bool(was_valid - is_valid)
    assert ("readers" in sides) == bool(is_valid - was_valid)


@given(st.sets(st.sampled_from("abcde"), min_size=1), st.sets(st.sampled_from("abcde"), min_size=1))
def test_a_set_narrows_when_it_loses_and_widens_when_it_gains(before: set[str], after: set[str]) -> None:
    sides = {side for change in compare({"enum": sorted(before)}, {"enum": sorted(after)}) for side in change.breaks}
    assert ("writers" in sides) == bool(before - after)
    assert ("readers" in sides) == bool(after - before)


@pytest.mark.parametrize("type_", sorted(INPUTS))
def test_every_field_that_is_lost_is_noticed(type_: str) -> None:
    names = list(fields(data_of(type_)))
    for name in names:
        old, new = schema_of(type_), copy.deepcopy(schema_of(type_))
        del fields(new["$defs"][new["properties"]["data"]["$ref"].rpartition("/")[2]])[name]
        assert any(change.where == f"event.data.{name}" and len(change.breaks) == 2 for change in compare(old, new))


def data_of(type_: str) -> Schema:
    whole = schema_of(type_)
    part: Schema = whole["$defs"][whole["properties"]["data"]["$ref"].rpartition("/")[2]]
    return part
