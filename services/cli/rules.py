"""What Prometheus must know of the agreements: how long each promise is, and where each ladder ends."""

from collections.abc import Iterator
from datetime import datetime
from io import StringIO
from typing import Any
from zoneinfo import ZoneInfo

from ruamel.yaml import YAML

from services.agreements.model import Agreements, Department

NAME = "agreements.rules.yml"
HEADER = """\
# Generated from the agreements by `koikarper export rules`; do not edit.
# koikarper:promise:seconds is a promise as it counts from a Monday at 09:00 in a week without holidays.
# koikarper:ladder_top_rung:info is the last rung that calls somebody in, per stage: after it nobody is called any more.
"""
MONDAY = datetime(2026, 6, 1, 9, 0, tzinfo=ZoneInfo("Europe/Amsterdam"))


def rule_files(agreements: Agreements) -> dict[str, str]:
    """The file of `export rules`, by its name: recording rules that hold the agreements, for dashboards and alerts."""
    rules = [*_promises(agreements), *_top_rungs(agreements)]
    text = StringIO()
    yaml = YAML()
    yaml.indent(mapping=2, sequence=4, offset=2)
    yaml.width = 120
    yaml.dump({"groups": [{"name": "koikarper-agreements", "rules": rules}]}, text)
    return {NAME: HEADER + text.getvalue()}


def promise_seconds(agreements: Agreements, department: Department, stage: str) -> int:
    """The department's own promise for a stage, in seconds on the wall clock, counted from a plain Monday morning."""
    duration = getattr(agreements.promises[department.promise], stage)
    return int((agreements.calendar_of(department.code).add(MONDAY, duration) - MONDAY).total_seconds())


def _promises(agreements: Agreements) -> Iterator[dict[str, Any]]:
    for department in agreements.departments.values():
        for stage in ("acknowledge", "resolve", "confirm"):
            seconds = promise_seconds(agreements, department, stage)
            labels = {"department": department.code, "stage": stage}
            yield {"record": "koikarper:promise:seconds", "expr": f"vector({seconds})", "labels": labels}


def _top_rungs(agreements: Agreements) -> Iterator[dict[str, Any]]:
    for department in agreements.departments.values():
        rungs = agreements.ladders[department.ladder].rungs if department.ladder else ()
        top = {rung.stage: rung for rung in rungs if rung.act == "escalate"}  # in the order of the file: the last stays
        for stage, rung in top.items():
            labels = {"department": department.code, "stage": stage, "rung": str(rung.number), "called": rung.to}
            yield {"record": "koikarper:ladder_top_rung:info", "expr": "vector(1)", "labels": labels}
