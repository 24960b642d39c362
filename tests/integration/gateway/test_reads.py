"""Who reads what: filters, pages, and what is not the reader's."""

import uuid
from typing import Any

import pytest

RESOLUTION = {"by": "clerk", "outcome": "solved", "explanation": "The permit is given."}
WAIT = {"prefer": "wait=20"}


async def all_pages(town: Any, caller: str, path: str, limit: int, **query: Any) -> list[Any]:
    items: list[Any] = []
    after: dict[str, str] = {}
    while True:
        answer = await town.get(caller, path, limit=limit, **query, **after)
        assert answer.status_code == 200, answer.text
        assert len(answer.json()["items"]) <= limit
        items += answer.json()["items"]
        if answer.json()["next"] is None:
            return items
        after = {"after": answer.json()["next"]}


async def test_pages_hold_everything_once_the_newest_signal_first(town):
    sent = [await town.reported() for _ in range(5)]
    items = await all_pages(town, "team:noord", "/v1/signals", 2)
    ids = [item["id"] for item in items]
    assert len(ids) == len(set(ids))
    assert [id_ for id_ in ids if id_ in sent] == sent[::-1]
    moments = [item["waitingSince"] for item in items]
    assert moments == sorted(moments, reverse=True)
    assert all(moment.endswith("Z") for moment in moments)


async def test_assignments_come_the_longest_waiting_first(town):
    for _ in range(3):
        await town.reported()
    items = await all_pages(town, "department:permits", "/v1/assignments", 2, department="permits")
    moments = [item["waitingSince"] for item in items]
    assert len(moments) >= 3
    assert moments == sorted(moments)


async def test_signals_are_found_by_what_they_are(town):
    rule = f"APV {uuid.uuid4().hex[:8]}"
    ruled = await town.reported(blockedBy="rule", rule={"code": rule})
    other = await town.reported("phase-changed", neighbourhood="WK0363AD")

    async def found(**query: Any) -> list[str]:
        return [item["id"] for item in await all_pages(town, "operator", "/v1/signals", 100, **query)]

    assert await found(rule=rule) == [ruled]
    assert other in await found(kind="phase-changed")
    assert ruled not in await found(kind="phase-changed")
    assert other in await found(state="closed")
    assert other not in await found(state="open")
    assert ruled not in await found(team="zuid")


@pytest.mark.parametrize(
    ("place", "holds"),
    [
        ("GM0363", {"GM0363", "WK0363AD", "BU0363AD03"}),
        ("WK0363AD", {"WK0363AD", "BU0363AD03"}),
        ("BU0363AD03", {"BU0363AD03"}),
        ("WK0363AE", set()),
    ],
)
async def test_a_place_holds_what_lies_in_it(town, place, holds):
    title = uuid.uuid4().hex
    for neighbourhood in ("GM0363", "WK0363AD", "BU0363AD03"):
        await town.reported(neighbourhood=neighbourhood, title=title)
    items = await all_pages(town, "operator", "/v1/signals", 100, neighbourhood=place, team="noord")
    assert {item["neighbourhood"] for item in items if item["report"]["title"] == title} == holds


async def test_a_signal_shows_its_report_and_its_assignments(town):
    signal = await town.reported(title="A pond for koi")
    found = (await town.get("team:noord", f"/v1/signals/{signal}")).json()
    assert found["report"]["title"] == "A pond for koi"
    (assignment,) = found["assignments"]
    assert (assignment["department"], assignment["state"], assignment["overdue"]) == ("permits", "waiting", False)
    assert assignment["id"] == town.assignment_of(signal)
    assert assignment["waitingSince"] == found["waitingSince"]


async def test_what_is_not_the_readers_is_not_there(town):
    signal = await town.reported()
    assignment = town.assignment_of(signal)
    for caller, status in (
        ("team:noord", 200),
        ("team:zuid", 404),
        ("department:permits", 200),
        ("department:parks", 404),
        ("operator", 200),
    ):
        for path in (f"signals/{signal}", f"signals/{signal}/timeline", f"assignments/{assignment}"):
            assert (await town.get(caller, f"/v1/{path}")).status_code == status, (caller, path)
        listed = [item["id"] for item in await all_pages(town, caller, "/v1/signals", 500)]
        assert (signal in listed) == (status == 200), caller
        listed = [item["id"] for item in await all_pages(town, caller, "/v1/assignments", 500)]
        assert (assignment in listed) == (status == 200), caller


async def test_what_nobody_reported_is_not_there(town):
    for path in (f"signals/{uuid.uuid4()}", f"signals/{uuid.uuid4()}/timeline", f"assignments/{uuid.uuid4()}"):
        assert (await town.get("operator", f"/v1/{path}")).status_code == 404


async def test_an_assignment_shows_its_signals_title(town):
    signal = await town.reported(title="A pond for koi")
    id_ = town.assignment_of(signal)
    for caller in ("team:noord", "department:permits", "operator"):
        assert (await town.get(caller, f"/v1/assignments/{id_}")).json()["title"] == "A pond for koi"
        titles = {item["id"]: item["title"] for item in await all_pages(town, caller, "/v1/assignments", 500)}
        assert titles[id_] == "A pond for koi"


async def contact(town: Any, signal: str, **data: Any) -> str:
    """Records a contact; answers the moment that was given for it."""
    body = {"by": "connector", "with": "resident", "form": "visit"} | data
    answer = await town.answer("team:noord", f"/v1/signals/{signal}/record-contact", body, **WAIT)
    assert answer.status_code == 202, answer.text
    return str(data.get("on"))


async def test_a_signal_shows_who_last_spoke_with_the_residents_and_how_often(town):
    signal = await town.reported()
    path = f"/v1/signals/{signal}"
    fresh = (await town.get("team:noord", path)).json()
    assert (fresh["contacts"], fresh["lastContact"], fresh["contactOn"]) == (0, None, None)
    last = await contact(town, signal, on="2026-11-02T09:30:00.000Z")
    await contact(town, signal, on="2026-11-01T09:30:00Z", form="call", by="worker")
    await contact(town, signal, **{"with": "department"}, on="2026-11-03T09:30:00Z")
    found = (await town.get("team:noord", path)).json()
    assert (found["contacts"], found["contactOn"]) == (2, last)
    assert found["lastContact"] == {"on": last, "with": "resident", "form": "visit", "by": "connector"}
    listed = {item["id"]: item for item in await all_pages(town, "team:noord", "/v1/signals", 500)}
    assert listed[signal] == found


async def test_the_last_contact_without_a_moment_is_when_it_was_told(town):
    signal = await town.reported()
    await contact(town, signal, on="2026-11-02T09:30:00Z")
    await contact(town, signal, **{"with": "residents-group"}, form="meeting", by="worker")
    found = (await town.get("team:noord", f"/v1/signals/{signal}")).json()
    assert found["contactOn"] == found["lastContact"]["on"] >= found["waitingSince"]
    assert [found["lastContact"][name] for name in ("with", "form", "by")] == ["residents-group", "meeting", "worker"]


async def test_a_timeline_shows_every_contact(town):
    signal = await town.reported()
    await contact(town, signal, on="2026-11-02T09:30:00Z")
    await contact(town, signal, **{"with": "department"}, form="call", by="worker")
    _, first, second = await all_pages(town, "department:permits", f"/v1/signals/{signal}/timeline", 1)
    assert first["type"] == second["type"] == "nl.koikarper.signals.contact-recorded.v1"
    assert (first["data"]["with"], first["data"]["form"], first["data"]["by"]) == ("resident", "visit", "connector")
    assert (second["data"]["with"], second["data"]["form"], second["data"]["by"]) == ("department", "call", "worker")


async def test_signals_that_nobody_has_spoken_about_are_found_page_by_page(town):
    title = uuid.uuid4().hex
    spoken, silent, official = [await town.reported(title=title) for _ in range(3)]
    closed = await town.reported("phase-changed", title=title)
    await contact(town, spoken)
    await contact(town, official, **{"with": "department"})

    async def found(**query: Any) -> list[str]:
        items = await all_pages(town, "team:noord", "/v1/signals", 2, **query)
        return [item["id"] for item in items if item["report"]["title"] == title]

    assert await found(spokenWith="false") == [closed, official, silent]
    assert await found(spokenWith="false", state="open") == [official, silent]
    assert await found(spokenWith="true") == [spoken]
    assert await found(spokenWith="true", state="closed") == []
    assert (await town.get("team:noord", "/v1/signals", spokenWith="maybe")).status_code == 400


@pytest.mark.parametrize(
    ("given", "since"),
    [
        ("1998", "1997-12-31T23:00:00.000Z"),
        ("1998-05", "1998-04-30T22:00:00.000Z"),
        ("1998-05-17", "1998-05-16T22:00:00.000Z"),
        ("0001", "0001-01-01T00:00:00.000Z"),
    ],
)
async def test_an_old_grievance_shows_both_its_waits(town, given, since):
    signal = await town.reported("grievance-reported", happenedOn=given)
    assignment = town.assignment_of(signal, "control")
    found = (await town.get("team:noord", f"/v1/signals/{signal}")).json()
    alone = (await town.get("department:control", f"/v1/assignments/{assignment}")).json()
    assert found["assignments"] == [alone]
    for item in (found, alone):
        assert (item["happenedOn"], item["waitingSinceHappened"]) == (given, since)
        assert item["waitingSince"] > "2026"


async def test_only_a_grievance_waits_since_it_happened(town):
    signal = (await town.get("operator", f"/v1/signals/{await town.reported()}")).json()
    for item in (signal, *signal["assignments"]):
        assert (item["happenedOn"], item["waitingSinceHappened"]) == (None, None)
    await town.reported("grievance-reported")
    items = await all_pages(town, "operator", "/v1/waits", 500)
    happened = {(item["kind"] == "grievance-reported", bool(item["oldestHappened"])) for item in items if item["open"]}
    assert happened == {(True, True), (False, False)}


async def test_a_timeline_says_what_was_said_page_by_page(town):
    signal = await town.reported()
    path = f"/v1/assignments/{town.assignment_of(signal)}/resolve"
    await town.answer("department:permits", path, RESOLUTION, **WAIT)
    await town.answer("team:noord", f"/v1/signals/{signal}/confirm", {"by": "worker"}, **WAIT)
    items = await all_pages(town, "team:noord", f"/v1/signals/{signal}/timeline", 2)
    assert [(item["sender"], item["type"].split(".")[-2]) for item in items] == [
        ("team:noord", "initiative-blocked"),
        ("department:permits", "resolved"),
        ("team:noord", "confirmed"),
    ]
    assert items[1]["data"]["outcome"] == "solved"
    assert [item["refused"] for item in items] == [None, None, None]


async def test_waits_count_who_still_waits_and_who_was_answered(town):
    signal = await town.reported("agendas-crossing")
    before = await waits(town, "parks", "agendas-crossing")
    assert before["acknowledge"]["open"] == before["resolve"]["open"]
    assert before["acknowledge"]["oldest"] is not None
    path = f"/v1/assignments/{town.assignment_of(signal, 'parks')}/resolve"
    await town.answer("department:parks", path, RESOLUTION, **WAIT)
    after = await waits(town, "parks", "agendas-crossing")
    assert after["acknowledge"]["open"] == before["acknowledge"]["open"] - 1
    assert after["acknowledge"]["met"] == before["acknowledge"]["met"] + 1
    assert after["acknowledge"]["medianSeconds"] > 0
    assert after["acknowledge"]["shareOnTime"] == 1
    assert after["confirm"]["open"] == 1


async def waits(town: Any, department: str, kind: str) -> dict[str, Any]:
    items = await all_pages(town, "team:zuid", "/v1/waits", 2, department=department, kind=kind)
    return {item["stage"]: item for item in items}


async def test_waits_are_paged_in_the_order_of_department_kind_and_stage(town):
    await town.reported()
    items = await all_pages(town, "operator", "/v1/waits", 1)
    keys = [(item["department"], item["kind"], item["stage"]) for item in items]
    assert len(keys) == len(set(keys))
    only = await all_pages(town, "operator", "/v1/waits", 500, stage="resolve")
    assert {item["stage"] for item in only} == {"resolve"}


async def test_a_custom_solution_is_found_as_a_precedent(town):
    rule = f"APV {uuid.uuid4().hex[:8]}"
    signal = await town.reported()
    solution = {"rule": {"code": rule}, "justification": "It is small", "features": ["pond"]}
    path = f"/v1/assignments/{town.assignment_of(signal)}/resolve"
    await town.answer("department:permits", path, RESOLUTION | {"customSolution": solution}, **WAIT)
    (found,) = await all_pages(town, "team:zuid", "/v1/precedents", 1, rule=rule)
    assert (found["signal"], found["department"], found["features"]) == (signal, "permits", ["pond"])
    assert found["justification"] == "It is small"
    assert await all_pages(town, "team:zuid", "/v1/precedents", 1, rule=rule, department="parks") == []


async def test_no_pattern_is_detected_yet(town):
    assert (await town.get("team:noord", "/v1/patterns")).json() == {"items": [], "next": None}


async def test_departments_teams_and_kinds_are_as_agreed(town):
    departments = await all_pages(town, "team:noord", "/v1/departments", 1)
    assert [item["code"] for item in departments] == ["control", "parks", "permits"]
    assert departments[2]["promise"]["acknowledge"] == "8 hours"
    teams = await all_pages(town, "team:noord", "/v1/teams", 1)
    assert [item["neighbourhoods"] for item in teams] == [["WK0363AD"], ["WK0363AE", "WK0363AF"]]
    kinds = await all_pages(town, "team:noord", "/v1/kinds", 3)
    assert len(kinds) == 8
    assert (await town.get(None, kinds[0]["dataSchema"])).status_code == 200
