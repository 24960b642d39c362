"""Grafana can read every dashboard: each field is as the types say that Grafana publishes in its foundation SDK."""

import enum
import json
import types
from collections.abc import Iterator
from copy import deepcopy
from pathlib import Path
from typing import Any, Literal, Union, get_args, get_origin, get_type_hints

import pytest
from grafana_foundation_sdk.cog.encoder import JSONEncoder
from grafana_foundation_sdk.cog.plugins import register_default_plugins
from grafana_foundation_sdk.models.dashboard import Dashboard

FILES = sorted((Path(__file__).parents[2] / "deploy" / "grafana" / "dashboards").glob("*.json"))


def read(path: Path) -> dict[str, Any]:
    return json.loads(path.read_text("utf-8"))


def mistakes(document: dict[str, Any]) -> list[str]:
    """What Grafana's types do not know, and what is of another type than theirs."""
    register_default_plugins()  # so that the options of each kind of panel and query have their own types
    built = Dashboard.from_json(deepcopy(document))
    return [*lost(document, as_json(built), "$"), *wrong(built, Dashboard, "$")]


def as_json(built: Any) -> Any:
    return json.loads(json.dumps(built, cls=JSONEncoder))


def lost(given: Any, kept: Any, path: str) -> Iterator[str]:
    """What the types did not keep: it is none of theirs."""
    if isinstance(given, dict) and isinstance(kept, dict):
        for key, value in given.items():
            yield from lost(value, kept.get(key, "nothing"), f"{path}.{key}")
    elif isinstance(given, list) and isinstance(kept, list) and len(given) == len(kept):
        for at, (one, other) in enumerate(zip(given, kept, strict=True)):
            yield from lost(one, other, f"{path}[{at}]")
    elif given != kept:
        yield f"{path}: {given!r} became {kept!r}"


def wrong(value: Any, hint: Any, path: str) -> Iterator[str]:
    """Where `value` is not what its annotation says."""
    origin = get_origin(hint)
    if origin in {Union, types.UnionType}:
        of_each = [list(wrong(value, each, path)) for each in get_args(hint)]
        if all(of_each):
            yield max((each[0] for each in of_each), key=lambda text: text.index(":"))  # what went wrong the deepest
    elif origin is Literal:
        if value not in get_args(hint):
            yield f"{path}: {value!r} is not in {hint}"
    elif origin in {list, dict}:
        yield from wrong_within(value, origin, get_args(hint)[-1], path)
    elif isinstance(hint, type) and issubclass(hint, enum.Enum):
        if value not in [each.value for each in hint]:
            yield f"{path}: {value!r} is no {hint.__name__}"
    else:
        yield from wrong_itself(value, hint, path)


def wrong_itself(value: Any, hint: Any, path: str) -> Iterator[str]:
    if isinstance(value, dict) and hasattr(hint, "from_json"):  # what the SDK itself leaves as it was
        built = hint.from_json(value)
        yield from lost(value, as_json(built), path)
        yield from wrong(built, hint, path)
    elif not fits(value, hint):
        yield f"{path}: {value!r} is no {hint}"
    elif hasattr(type(value), "from_json"):
        for name, of_field in get_type_hints(type(value)).items():
            yield from wrong(getattr(value, name), of_field, f"{path}.{name}")


def wrong_within(value: Any, kind: type, item: Any, path: str) -> Iterator[str]:
    if not isinstance(value, kind):
        yield f"{path}: {value!r} is no {kind.__name__}"
        return
    for key, each in value.items() if isinstance(value, dict) else enumerate(value):
        yield from wrong(each, item, f"{path}[{key}]")


def fits(value: Any, hint: Any) -> bool:
    if hint in {int, float}:
        return isinstance(value, (int, hint)) and not isinstance(value, bool)
    return not isinstance(hint, type) or isinstance(value, hint)


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
def test_it_is_what_grafana_s_types_describe(path: Path) -> None:
    assert mistakes(read(path)) == []


@pytest.mark.parametrize(
    ("place", "key", "value"),
    [
        ((), "no_such_field", 1),
        ((), "title", 7),
        ((), "graphTooltip", 9),
        (("panels", 15, "transformations", 0), "no_such_field", 1),
        (("panels", 1), "description", ["no text"]),
        (("panels", 1, "options"), "colorMode", "no such mode"),
        (("panels", 1, "options"), "no_such_option", True),
        (("panels", 1, "gridPos"), "w", "wide"),
        (("panels", 1, "fieldConfig", "defaults", "thresholds"), "mode", "no such mode"),
        (("panels", 1, "targets", 0), "no_such_field", 1),
        (("panels", 1, "targets", 0), "instant", "yes"),
    ],
)
def test_what_grafana_does_not_know_would_be_found(place: tuple[str | int, ...], key: str, value: Any) -> None:
    document = read(next(path for path in FILES if path.stem == "koikarper-town"))
    within: Any = document
    for step in place:
        within = within[step]
    within[key] = value
    assert mistakes(document)
