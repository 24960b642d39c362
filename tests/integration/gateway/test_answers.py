"""Answers without an envelope, and what the ledger already knows against them."""

import asyncio
import uuid
from typing import Any

import pytest

ACKNOWLEDGEMENT = {"by": "clerk", "contact": {"role": "clerk", "reach": "desk 4"}}
RESOLUTION = {"by": "clerk", "outcome": "solved", "explanation": "The permit is given."}
WAIT = {"prefer": "wait=20"}


async def resolved(town: Any) -> str:
    """A signal whose only assignment is resolved."""
    signal = await town.reported()
    path = f"/v1/assignments/{town.assignment_of(signal)}/resolve"
    assert (await town.answer("department:permits", path, RESOLUTION, **WAIT)).status_code == 202
    return signal


async def state(town: Any, signal: str) -> tuple[str, list[str]]:
    found = (await town.get("team:noord", f"/v1/signals/{signal}")).json()
    return found["state"], [assignment["state"] for assignment in found["assignments"]]


async def test_a_signal_goes_round_by_http(town):
    signal = await town.reported()
    path = f"/v1/assignments/{town.assignment_of(signal)}"
    answer = await town.answer("department:permits", f"{path}/acknowledge", ACKNOWLEDGEMENT, **WAIT)
    assert answer.status_code == 202, answer.text
    (accepted,) = answer.json()["accepted"]
    assert (accepted["source"], accepted["signal"]) == (town.agreements, signal)
    assert uuid.UUID(accepted["id"])
    assert await state(town, signal) == ("open", ["acknowledged"])
    await town.answer("department:permits", f"{path}/resolve", RESOLUTION, **WAIT)
    assert await state(town, signal) == ("resolved", ["resolved"])
    await town.answer(
        "team:noord", f"/v1/signals/{signal}/contest", {"by": "worker", "reason": "No permit yet"}, **WAIT
    )
    assert await state(town, signal) == ("open", ["acknowledged"])
    await town.answer("department:permits", f"{path}/resolve", RESOLUTION, **WAIT)
    await town.answer("team:noord", f"/v1/signals/{signal}/confirm", {"by": "worker"}, **WAIT)
    assert await state(town, signal) == ("closed", ["closed"])


async def test_an_assignment_is_handed_over_and_extended(town):
    signal = await town.reported()
    path = f"/v1/assignments/{town.assignment_of(signal)}"
    until = (await town.get("department:permits", path)).json()["resolveBy"]
    later = until.replace(until[:4], str(int(until[:4]) + 1), 1)
    refused = await town.answer("department:permits", f"{path}/extend", {"by": "clerk", "until": later, "reason": "x"})
    assert (refused.status_code, refused.json()["code"]) == (409, "too-far")
    handed = await town.answer(
        "department:permits", f"{path}/hand-over", {"by": "clerk", "to": "parks", "reason": "A pond"}, **WAIT
    )
    assert handed.status_code == 202
    assert await state(town, signal) == ("open", ["handed-over", "waiting"])
    again = await town.answer("department:permits", f"{path}/acknowledge", ACKNOWLEDGEMENT)
    assert (again.status_code, again.json()["code"]) == (409, "already-handed-over")
    assert "parks" in again.json()["detail"]


async def test_a_team_withdraws_and_records_contact(town):
    signal = await town.reported()
    contact = {"by": "worker", "with": "resident", "form": "visit", "on": "2026-01-05T10:00:00Z"}
    await town.answer("team:noord", f"/v1/signals/{signal}/record-contact", contact, **WAIT)
    found = (await town.get("team:noord", f"/v1/signals/{signal}")).json()
    assert found["contactOn"] == "2026-01-05T10:00:00.000Z"
    await town.answer("team:noord", f"/v1/signals/{signal}/withdraw", {"by": "worker", "reason": "Gone"}, **WAIT)
    assert (await state(town, signal))[0] == "closed"
    late = await town.answer("department:permits", f"/v1/assignments/{town.assignment_of(signal)}/resolve", RESOLUTION)
    assert (late.status_code, late.json()["code"]) == (409, "already-closed")


async def test_what_the_ledger_does_not_know_is_not_there(town):
    for caller, path, data in (
        ("department:permits", f"/v1/assignments/{uuid.uuid4()}/acknowledge", ACKNOWLEDGEMENT),
        ("team:noord", f"/v1/signals/{uuid.uuid4()}/confirm", {"by": "worker"}),
    ):
        assert (await town.answer(caller, path, data)).status_code == 404


@pytest.mark.parametrize("caller", ["department:parks", "team:noord", "operator"])
async def test_nobody_answers_for_another_department(town, caller):
    signal = await town.reported()
    path = f"/v1/assignments/{town.assignment_of(signal)}/acknowledge"
    assert (await town.answer(caller, path, ACKNOWLEDGEMENT)).status_code == 403
    assert await state(town, signal) == ("open", ["waiting"])


@pytest.mark.parametrize("caller", ["team:zuid", "department:permits", "operator"])
async def test_nobody_answers_for_another_team(town, caller):
    signal = await town.reported()
    assert (await town.answer(caller, f"/v1/signals/{signal}/confirm", {"by": "worker"})).status_code == 403


async def test_a_signal_that_still_waits_is_not_confirmed(town):
    signal = await town.reported()
    answer = await town.answer("team:noord", f"/v1/signals/{signal}/confirm", {"by": "worker"})
    assert (answer.status_code, answer.json()["code"]) == (409, "not-resolved-yet")


async def test_a_repeat_of_what_holds_is_no_refusal(town):
    signal = await resolved(town)
    path = f"/v1/assignments/{town.assignment_of(signal)}/resolve"
    assert (await town.answer("department:permits", path, RESOLUTION)).status_code == 202
    other = await town.answer("department:permits", path, RESOLUTION | {"outcome": "refused"})
    assert (other.status_code, other.json()["code"]) == (409, "already-resolved")


async def test_an_idempotency_key_makes_a_repeat_the_same_event(town):
    signal = await town.reported()
    path = f"/v1/assignments/{town.assignment_of(signal)}"
    key = {"Idempotency-Key": f"key {uuid.uuid4()}"}
    first = await town.answer("department:permits", f"{path}/acknowledge", ACKNOWLEDGEMENT, **key, **WAIT)
    await town.answer("department:permits", f"{path}/resolve", RESOLUTION, **WAIT)
    await asyncio.sleep(0.01)
    second = await town.answer("department:permits", f"{path}/acknowledge", ACKNOWLEDGEMENT, **key, **WAIT)
    assert (second.status_code, second.json()) == (202, first.json())
    timeline = (await town.get("operator", f"/v1/signals/{signal}/timeline")).json()["items"]
    assert [item["id"] for item in timeline].count(first.json()["accepted"][0]["id"]) == 1
    other = await town.answer("department:permits", f"{path}/acknowledge", ACKNOWLEDGEMENT | {"by": "chief"}, **key)
    assert (other.status_code, other.json()["code"]) == (409, "conflicting-repeat")


@pytest.mark.parametrize(
    ("data", "where"),
    [
        ({"by": "clerk"}, {"contact"}),
        ({}, {"by", "contact"}),
        (ACKNOWLEDGEMENT | {"nte": "x"}, {"nte"}),
        (ACKNOWLEDGEMENT | {"assignment": str(uuid.uuid4())}, {"assignment"}),
        (ACKNOWLEDGEMENT | {"note": "mail a@example.org"}, {"note"}),
        ({"by": 4, "contact": {"role": "clerk"}}, {"by", "contact.reach"}),
        ([], {""}),
    ],
)
async def test_a_wrong_field_is_named(town, data, where):
    answer = await town.answer("department:permits", f"/v1/assignments/{uuid.uuid4()}/acknowledge", data)
    assert answer.status_code == 400
    assert {error["path"] for error in answer.json()["errors"]} == where


async def test_a_body_that_is_no_json_is_refused(town):
    path = f"/v1/assignments/{uuid.uuid4()}/acknowledge"
    for content_type, body, status in (
        ("application/json", b"{", 400),
        ("application/json", b"", 400),
        ("text/plain", b"{}", 415),
        ("application/json", b" " * 70_000, 413),
    ):
        answer = await town.call(
            "department:permits", "POST", path, content=body, headers={"content-type": content_type}
        )
        assert answer.status_code == status
