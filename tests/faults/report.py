"""An anomaly for people: what is wrong, and everything that the history holds about it, in order."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

from tests.faults.checker import Anomaly
from tests.faults.history import History

if TYPE_CHECKING:
    from tests.faults.run import Result, Run

SHOWN_MAX = 12
_ID = re.compile(r"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}")


def tell(run: Run, result: Result, file: Path) -> str:
    """The anomalies, the first ones with their history; all of it is written to `file`."""
    whole = [_one(anomaly, run.history) for anomaly in result.anomalies]
    head = f"seed {result.seed}; faults: {[(fault.kind, round(fault.at, 1)) for fault in run.plan.faults]}"
    file.write_text("\n\n".join([head, *whole]) + "\n")
    again = f"Again: python -m tests.faults --seed {result.seed}; services.log and anomalies.txt in {file.parent}"
    return "\n".join([head, *(str(anomaly) for anomaly in result.anomalies[:SHOWN_MAX]), again])


def _one(anomaly: Anomaly, history: History) -> str:
    ids = set(_ID.findall(f"{anomaly.about} {anomaly.what}"))
    return "\n".join([str(anomaly), *sorted(_lines(ids | _signals(ids, history), history))])


def _signals(ids: set[str], history: History) -> set[str]:
    """The signals of the assignments that are meant, so that their whole story is told."""
    return {
        str(signal)
        for signal, state in history.states.items()
        if str(signal) in ids or any(str(assignment) in ids for assignment in state.assignments)
    }


def _lines(ids: set[str], history: History) -> Iterator[str]:
    for row in history.record:
        if str(row.signal) in ids or row.id in ids or any(id_.encode() in row.body for id_ in ids):
            refused = f", refused: {row.refused}" if row.refused else ""
            place = f"{row.topic}/{row.partition}@{row.offset}"
            yield f"  {row.at.isoformat()} record {row.seq} {place} {row.type} {row.id} by {row.sender}{refused}"
    for kind, records in (("in ", history.inputs), ("out", history.outputs)):
        for record in records:
            if any(id_.encode() in (record.value or b"") for id_ in ids):
                value = (record.value or b"").decode(errors="replace")[:400]
                place = f"{record.topic}/{record.partition}@{record.offset}"
                yield f"  {record.timestamp.isoformat()} {kind} {place} {value}"
    for signal, state in history.states.items():
        if str(signal) in ids:
            yield f"  state {state}"
