"""The queries of a dashboard, as Grafana would send them."""

from services.dashboards.queries import Query, filled, queries


def panel(expr: str, empty: str | None, *, instant: bool = True) -> dict[str, object]:
    defaults = {} if empty is None else {"noValue": empty}
    target = {"refId": "A", "expr": expr, "instant": instant}
    return {"title": "Wie wacht", "fieldConfig": {"defaults": defaults}, "targets": [target]}


def test_the_variables_are_filled_in() -> None:
    dashboard = {"uid": "one", "panels": [panel('a{department="$department"}[$__range]', "onbekend")]}
    assert list(queries(dashboard, "permits")) == [
        Query("one", "Wie wacht", "A", 'a{department="permits"}[1h]', instant=True, needs_data=True)
    ]


def test_a_panel_that_says_in_words_why_it_is_empty_needs_no_data() -> None:
    dashboard = {"uid": "one", "panels": [panel("a", "niemand wacht"), panel("b", "onbekend"), panel("c", None)]}
    assert [query.needs_data for query in queries(dashboard, "permits")] == [False, True, True]


def test_a_row_asks_nothing() -> None:
    assert list(queries({"uid": "one", "panels": [{"type": "row", "title": "Beloften"}]}, "permits")) == []


def test_a_longer_name_is_not_cut_by_a_shorter_one() -> None:
    assert filled("$__rate_interval $__interval $__range", "permits") == "1m 1m 1h"
