"""The page: whole for any town, bounded in size, in one piece, and no name can become markup."""

from dataclasses import replace
from datetime import timedelta
from html.parser import HTMLParser

import pytest

from services.report.page import page
from tests.unit.report.conftest import NOW, MakeTown


class Tags(HTMLParser):
    """The tags, ids, references and text of a page."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.tags: list[str] = []
        self.ids: list[str] = []
        self.references: set[str] = set()
        self.texts: list[str] = []
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        for name, value in attrs:
            if name == "id":
                self.ids.append(value or "")
            elif name in {"href", "src"}:
                self.references.add(value or "")
            elif value and "url(" in value:
                self.references.add(value.partition("url(")[2].partition(")")[0])

    def handle_data(self, data: str) -> None:
        self.texts.append(data)


@pytest.mark.parametrize(("departments", "assignments"), [(0, 0), (3, 0), (1, 5), (3, 90)])
def test_whatever_there_is_in_the_town_the_page_is_whole(
    make_town: MakeTown, departments: int, assignments: int
) -> None:
    found = Tags(page(make_town(departments, assignments)))
    assert len(found.ids) == len(set(found.ids))
    assert found.references <= {f"#{id_}" for id_ in found.ids}  # nothing from elsewhere, nothing that is not there
    assert not {"script", "link", "img", "iframe", "object"} & set(found.tags)
    assert found.tags.count("figure") == found.tags.count("svg") == found.tags.count("figcaption")
    assert found.tags.count("h1") == 1


def test_a_town_in_which_nothing_happened_says_so(make_town: MakeTown) -> None:
    text = page(make_town(2, 0))
    assert "Er is nog niets gemeld." in text
    assert "Nog nooit iets gevraagd: Afdeling d0, Afdeling d1." in text
    assert "<svg" not in text


def test_a_large_town_stays_a_page_that_can_be_mailed_and_says_that_a_mark_stands_for_more(
    make_town: MakeTown,
) -> None:
    town = make_town(40, 2_000)
    text = page(replace(town, waits=[*town.waits] * 25))  # 50,000 assignments
    assert len(text) < 4_000_000
    assert "Een teken staat hier voor ten hoogste" in text


def test_a_name_cannot_become_markup_or_a_formula(make_town: MakeTown) -> None:
    town = make_town(1, 20)
    name = '<script>alert(1)</script> & $\\frac{1}{0}$ "quoted"'
    found = Tags(page(replace(town, departments={"d0": name}, name=name)))
    assert found.tags == Tags(page(town)).tags
    assert name in "".join(found.texts)


def test_a_department_that_the_agreements_no_longer_name_keeps_its_figures(make_town: MakeTown) -> None:
    town = make_town(1, 20)
    assert 'id="afdeling-d0"' in page(replace(town, departments={}))


def test_a_replay_says_that_these_are_no_figures_of_now_and_asks_no_team(make_town: MakeTown) -> None:
    text = page(replace(make_town(1, 20), log="log.csv"))
    assert "Dit zijn geen cijfers van nu." in text
    assert "Antwoord van het wijkteam" not in text


def test_a_ledger_that_is_behind_is_told(make_town: MakeTown) -> None:
    town = make_town(1, 5)
    assert "loopt achter" not in page(replace(town, read_until=NOW - timedelta(minutes=2)))
    assert "120 minuten eerder" in page(replace(town, read_until=NOW - timedelta(hours=2)))
