"""What a retired department leaves open goes to its successor, by the timekeeper's own turn."""

from tests.integration.timekeeper.clockwork import TOWN, Clockwork

RETIRED = TOWN.replace("name: Vergunningen,", "name: Vergunningen, until: 2026-03-02, successor: parks,")
LEFT = "select department, state, handed_over_from from assignment order by assigned_at, id"


async def test_open_assignments_of_a_retired_department_are_handed_over_to_its_successor(clockwork: Clockwork) -> None:
    await clockwork.desk.take_in(clockwork.desk.signal("a"), clockwork.desk.signal("b"))
    clockwork.settings.agreements.write_text(RETIRED)
    await clockwork.passes(10)  # the day named by `until` has not ended
    assert {row.department for row in await clockwork.desk.rows(LEFT)} == {"permits"}
    await clockwork.passes(20)
    rows = [tuple(row) for row in await clockwork.desk.rows(LEFT)]
    assert rows == 2 * [("permits", "handed-over", None)] + 2 * [("parks", "waiting", "permits")]
    before = await clockwork.events()
    await clockwork.passes(20)
    assert await clockwork.events() == before
