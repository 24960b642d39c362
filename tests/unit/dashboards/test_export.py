"""The dashboards follow from the agreements."""

import json
from pathlib import Path
from typing import Any

import pytest

from events.signals import KINDS
from services.agreements.loading import parse
from services.dashboards import words
from services.dashboards.export import dashboard_files

TOWN = (Path(__file__).parents[3] / "deploy" / "agreements.yaml").read_text("utf-8")


def made(text: str) -> dict[str, dict[str, Any]]:
    return {name.removesuffix(".json"): json.loads(file) for name, file in dashboard_files(parse(text)).items()}


def test_the_same_agreements_make_the_same_files() -> None:
    assert dashboard_files(parse(TOWN)) == dashboard_files(parse(TOWN))


def test_a_department_is_called_by_its_name_wherever_it_is_shown() -> None:
    renamed = TOWN.replace("name: Vergunningen", "name: Vergunningen, toezicht en handhaving")
    assert renamed != TOWN
    pages = made(renamed)
    (variable,) = pages["koikarper-department"]["templating"]["list"]
    assert variable["query"].startswith("Vergunningen\\, toezicht en handhaving : permits, ")
    assert json.dumps(pages["koikarper-town"]).count("Vergunningen, toezicht en handhaving") == 4


@pytest.mark.parametrize("uid", ["koikarper-town", "koikarper-department"])
def test_every_kind_has_its_dutch_words(uid: str) -> None:
    text = json.dumps(made(TOWN)[uid], ensure_ascii=False)
    assert set(words.KINDS) == set(KINDS)
    assert all(dutch in text for dutch in words.KINDS.values())
