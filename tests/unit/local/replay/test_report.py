from __future__ import annotations

import io
from datetime import UTC, datetime
from uuid import uuid4

import pytest
from rich.console import Console

from services.ledger.waits import Wait
from services.local.replay.faults import Finding
from services.local.replay.report import Report
from services.local.replay.watching import Arrived, missing

AT = datetime(2011, 6, 1, 12, tzinfo=UTC)


@pytest.fixture
def report() -> Report:
    wait = Wait(
        department="general",
        kind=None,
        stage="resolve",
        open=3,
        overdue=1,
        oldest=datetime(2011, 1, 1, tzinfo=UTC),
        met=2,
        missed=1,
        answered=3,
        median_seconds=90061.5,
        p90_seconds=3600.0,
        share_on_time=0.5,
    )
    late = "acknowledged after it was resolved"
    findings = [Finding(line, "contradiction", f"case {line % 2}", late) for line in range(300)]
    return Report(
        log="log.csv",
        at=AT,
        rows=900,
        cases=310,
        not_begun=4,
        events=700,
        assignments=310,
        refused={"already-closed": 300},
        findings=(*findings, Finding(7, "row", "", "at: [soon] is no moment")),
        waits=(wait,),
        seconds=1.25,
    )


def test_people_read_the_waits_and_where_the_log_is_not_as_it_should_be(report: Report) -> None:
    page = io.StringIO()
    report.show(Console(file=page, width=2000))
    text = page.getvalue()
    assert "1d 1:01:01.500" in text
    assert "2011-01-01T00:00:00.000Z" in text
    assert "50.0%" in text
    assert "900 rows, 310 cases, 4 cases began later; 700 events sent" in text
    assert "Rows that cannot be read: 1\n  at: [soon] is no moment (1): line 7\n" in text
    assert "acknowledged after it was resolved (300): lines 0, 1, 2," in text
    assert "199 and 100 more (--json lists all)" in text


def test_programs_read_every_finding_and_the_figures(report: Report) -> None:
    told = report.as_json()
    assert len(told["findings"]) == 301
    assert told["counts"]["contradictoryCases"] == 2
    assert told["waits"][0]["medianSeconds"] == 90061.5
    assert told["waits"][0]["oldest"] == "2011-01-01T00:00:00.000Z"
    assert told["waits"][0]["shareOnTime"] == 0.5


def test_an_assignment_that_did_not_arrive_is_told_by_department() -> None:
    here, lost = uuid4(), uuid4()
    arrived = Arrived({"a": {here}, "b": set()})
    assert missing(arrived, [("a", here)]) == []
    assert missing(arrived, [("a", here), ("b", lost)]) == ["b: the ledger made 1 assignments, 0 of them arrived"]
    assert missing(arrived, []) == ["a: the ledger made 0 assignments, 0 of them arrived"]
