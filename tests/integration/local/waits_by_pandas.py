"""The waits of a log, computed from its raw rows by pandas alone: the figures that a replay has to give.

A wait runs from the start of its case to the answer of its stage (contract 2). `terms_by_pandas` says when a promise
ends. The first of acknowledgement, hand-over and resolution decides the acknowledgement: met when it lies no later than
the end of the term from the moment at which the department got the case. The resolution goes by the term from the start
of the case, whoever has it by then: met when the case is closed by a resolution in time; missed, under the department
that has it then, once the term has passed. What nobody answered is missed as well, as soon as its term lies before the
moment that counts as now. The share on time is what was met, of all that was met or missed.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, NamedTuple

import pandas as pd

from services.local.replay.mapping import Promise
from tests.unit.agreements.terms_by_pandas import ends

READ = "Confirmation of receipt"


class Figures(NamedTuple):
    """Of one department and stage; the percentiles are in seconds."""

    open: int
    overdue: int
    oldest: pd.Timestamp | None
    met: int
    missed: int
    share_on_time: float | None
    median: float | None
    p90: float | None


NOTHING = Figures(0, 0, None, 0, 0, None, None, None)
Table = dict[tuple[str, str], Figures]
"""By department and stage."""


@dataclass(frozen=True)
class Stage:
    """One row per assignment: since when it waits, by when it was promised, when it was answered, and so on."""

    since: pd.Series[Any]
    due: pd.Series[Any]
    answered: pd.Series[Any]
    met: pd.Series[Any]
    missed: pd.Series[Any]
    open: pd.Series[Any]

    def figures(self, department: pd.Series[Any], now: pd.Timestamp) -> Figures:
        """The figures of the assignments where `department` is true."""
        met, missed = int((self.met & department).sum()), int((self.missed & department).sum())
        waiting = self.since[self.open & department]
        waits = (self.answered - self.since)[department].dropna()
        return Figures(
            open=len(waiting),
            overdue=int((self.open & department & (self.due < now)).sum()),
            oldest=waiting.min() if len(waiting) else None,
            met=met,
            missed=missed,
            share_on_time=met / (met + missed) if met + missed else None,
            median=quantile(waits, 0.5),
            p90=quantile(waits, 0.9),
        )


def figures_of(raw: pd.DataFrame, promise: Promise, until: str | None = None, *, silent: bool = False) -> Table:
    """The figures at the end of the log or `until`; `silent` is a team that never says whether it is solved."""
    now = pd.Timestamp(until) if until else end_of(raw)
    own = assignments(long_table(raw, until))
    stages = {
        "acknowledge": acknowledge(own, promise, now),
        "resolve": resolve(own, promise, now, silent=silent),
        "confirm": confirm_never(own, promise, now) if silent else confirm_at_once(own),
    }
    found = {
        (str(code), name): stage.figures(own["department"] == code, now)
        for code in own["department"].unique()
        for name, stage in stages.items()
    }
    return {key: value for key, value in found.items() if value != NOTHING}


def acknowledge(own: pd.DataFrame, promise: Promise, now: pd.Timestamp) -> Stage:
    due, answered = ends(own["assigned"], promise.acknowledge), own["acknowledged"]
    missed = due < answered.fillna(now)
    return Stage(own["start"], due, answered, met=answered.notna() & ~missed, missed=missed, open=answered.isna())


def resolve(own: pd.DataFrame, promise: Promise, now: pd.Timestamp, *, silent: bool) -> Stage:
    due, answered = ends(own["start"], promise.resolve), own["resolved"]
    until = answered.fillna(own["left"]).fillna(now)
    before = due < own["assigned"]  # missed already when it was handed over to here: not counted again
    missed = ~before & (due < until)
    closed = asked_twice(answered, promise)[1] < now if silent else answered.notna()
    met = closed & ~before & ~missed
    return Stage(own["start"], due, answered, met, missed, open=answered.isna() & own["left"].isna())


def confirm_at_once(own: pd.DataFrame) -> Stage:
    """The log knows no team that was asked: it confirms at the moment of the resolution."""
    asked = own["resolved"]
    nothing = pd.Series(False, index=own.index)
    return Stage(asked, asked, asked, met=asked.notna(), missed=nothing, open=nothing)


def confirm_never(own: pd.DataFrame, promise: Promise, now: pd.Timestamp) -> Stage:
    asked = own["resolved"]
    due, closes = asked_twice(asked, promise)
    nothing = pd.Series(False, index=own.index)
    return Stage(asked, due, asked.where(nothing), nothing, missed=due < now, open=closes >= now)


def asked_twice(asked: pd.Series[Any], promise: Promise) -> tuple[pd.Series[Any], pd.Series[Any]]:
    """By when the team is to answer, and when the case is closed without its word."""
    due = ends(asked, promise.confirm)
    return due, ends(due, promise.confirm)


def moments(values: pd.Series[Any]) -> pd.Series[Any]:
    return pd.to_datetime(values, utc=True, format="ISO8601", errors="coerce").dt.floor("ms")


def end_of(raw: pd.DataFrame) -> pd.Timestamp:
    """The last moment that a readable row names."""
    at, *named = (moments(raw[column]) for column in ("time:timestamp", "case:startdate", "case:enddate"))
    return max(column[at.notna()].max() for column in (at, *named) if column[at.notna()].notna().any())


def long_table(raw: pd.DataFrame, until: str | None) -> pd.DataFrame:
    """One row per row of the log, the end among them, no earlier than its case's start; what came later is gone."""
    rows = pd.DataFrame(
        {
            "case": raw["case:concept:name"],
            "at": moments(raw["time:timestamp"]),
            "start": moments(raw["case:startdate"]),
            "department": raw["case:department"].str.lower().str.replace(" ", "-"),
            "what": raw["concept:name"],
            "line": raw.index + 2,
        }
    ).dropna(subset=["at"])
    last = rows.assign(at=moments(raw["case:enddate"]), what="end", line=10**9)
    # The end belongs to whoever has the case by then, so it changes no department.
    last = last.dropna(subset=["at"]).drop_duplicates("case").assign(department=None)
    table = pd.concat([rows, last], ignore_index=True)
    if until:
        limit = pd.Timestamp(until)
        table = table[(table["at"] <= limit) & (table["start"] <= limit)]
        begun = (
            rows[rows["start"] <= limit]
            .sort_values("at")
            .drop_duplicates("case")
            .assign(at=lambda it: it["start"], what="begun", line=0)
        )
        table = pd.concat([begun, table], ignore_index=True)
    table = table.sort_values(["case", "at", "line"], kind="stable")
    table["department"] = table.groupby("case")["department"].transform(lambda it: it.ffill().bfill())
    table["at"] = table[["at", "start"]].max(axis=1)
    return table


def assignments(table: pd.DataFrame) -> pd.DataFrame:
    """One row per stretch of a case at one department: when it began there, was acknowledged, left and resolved."""
    changed = table["department"] != table.groupby("case")["department"].shift()
    table = table.assign(stretch=changed.groupby(table["case"]).cumsum())
    by = ["case", "stretch"]
    first = table.groupby(by).agg(department=("department", "first"), start=("start", "first"), came=("at", "min"))
    for name, what in (("acknowledged", READ), ("resolved", "end")):
        first[name] = table[table["what"] == what].groupby(by)["at"].min()
    first["left"] = first.groupby("case")["came"].shift(-1)
    first["assigned"] = first["came"].where(first.groupby("case").cumcount() > 0, first["start"])
    first["acknowledged"] = first[["acknowledged", "left", "resolved"]].min(axis=1)
    return first


def quantile(waits: pd.Series[Any], share: float) -> float | None:
    if waits.empty:
        return None
    return round((waits / pd.Timedelta(milliseconds=1)).round().quantile(share)) / 1000
