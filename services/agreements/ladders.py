"""The moments at which someone is reminded or called in while nobody answers."""

from dataclasses import dataclass
from datetime import datetime

from events.outcomes import Stage
from events.signals import CANARY
from services.agreements.durations import Duration
from services.agreements.model import Act, Agreements, Mark, Promise, Rung


@dataclass(frozen=True, slots=True)
class Moment:
    """When a rung of the ladder comes, what it does, and to whom; `due` is aware UTC."""

    due: datetime
    stage: Stage
    rung: int
    act: Act
    to: str  # who is reminded or called in: a department's code, or `team` at the stage that is the team's


def moments(
    agreements: Agreements, department: str, stage: Stage, start: datetime, due: datetime, *, promise: str | None = None
) -> tuple[Moment, ...]:
    """The department's ladder for a stage that starts at `start` and is due at `due`, the first moment first.

    A share of the term is counted as the promise counts (`promise` by name, else the department's own): in working
    time or on the wall clock. A rung before `due` that would lie before `start` has no moment: nobody is late yet.
    A rung that calls in a retired department calls in its successor.
    """
    ladder = None if department == CANARY else agreements.departments[department].ladder
    if ladder is None:
        return ()
    made = agreements.promises[promise or agreements.departments[department].promise]
    term = _term(made, stage)
    rungs = (rung for rung in agreements.ladders[ladder].rungs if rung.stage == stage)
    found = ((_due(agreements, department, rung.at, start, due, term), rung) for rung in rungs)
    called = (_moment(agreements, department, at, rung) for at, rung in found if at >= start)
    return tuple(sorted(called, key=lambda moment: (moment.due, moment.rung)))


def _term(promise: Promise, stage: Stage) -> Duration:
    terms = {"acknowledge": promise.acknowledge, "resolve": promise.resolve, "confirm": promise.confirm}
    return terms[stage]


def _due(
    agreements: Agreements, department: str, mark: Mark, start: datetime, due: datetime, term: Duration
) -> datetime:
    calendar = agreements.calendar_of(department)
    if mark.percent is not None:
        return calendar.share(start, due, mark.percent, working=term.working)
    if mark.after:
        return calendar.add(due, mark.after)
    return calendar.back(due, mark.before) if mark.before else due


def _moment(agreements: Agreements, department: str, due: datetime, rung: Rung) -> Moment:
    if rung.act == "escalate":
        return Moment(due, rung.stage, rung.number, rung.act, agreements.heir(rung.to, due))
    return Moment(due, rung.stage, rung.number, rung.act, "team" if rung.to == "team" else department)
