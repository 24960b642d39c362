"""Everything counted once: the figures of the town, of each department, and of each stage. Pure."""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from events.outcomes import Stage
from services.ledger.single_waits import SingleWait
from services.report.bins import Bins, bins
from services.report.figures import Figures, figures
from services.report.town import Town
from services.report.words import STAGES


@dataclass(frozen=True, slots=True)
class Department:
    """One department with its figures by stage."""

    code: str
    name: str
    stages: Mapping[Stage, Figures]

    @property
    def is_empty(self) -> bool:
        """Whether it was never asked anything."""
        return all(found.is_empty for found in self.stages.values())


@dataclass(frozen=True, slots=True, kw_only=True)
class Overview:
    """What the page tells, section by section."""

    stages: Mapping[Stage, Figures]  # of the whole town
    departments: Sequence[Department]  # where most wait too long first; those that were asked something
    silent: Sequence[Department]  # those that were never asked anything
    classes: Mapping[Stage, Bins]  # the same for every department, so that they can be compared

    @property
    def is_empty(self) -> bool:
        """Whether nothing was ever asked of anybody."""
        return all(found.is_empty for found in self.stages.values())


def shown_stages(town: Town) -> Sequence[Stage]:
    """A replayed log knows no team that was asked, so its answers, all at once, would say nothing."""
    return [stage for stage in STAGES if not (town.log and stage == "confirm")]


def overview(town: Town) -> Overview:
    """Count everything."""
    grouped: dict[tuple[str, Stage], list[SingleWait]] = defaultdict(list)
    for wait in town.waits:
        grouped[wait.department, wait.stage].append(wait)
    stages = shown_stages(town)
    codes = {*town.departments, *(code for code, _ in grouped)}
    every = [
        Department(
            code, town.departments.get(code, code), {s: figures(grouped.get((code, s), ()), town.at) for s in stages}
        )
        for code in codes
    ]
    every.sort(key=_where_most_wait)
    totals = {stage: figures((wait for wait in town.waits if wait.stage == stage), town.at) for stage in stages}
    return Overview(
        stages=totals,
        departments=[one for one in every if not one.is_empty],
        silent=[one for one in every if one.is_empty],
        classes={stage: _classes(found) for stage, found in totals.items()},
    )


def _classes(found: Figures) -> Bins:
    return bins([*found.answered, *(age.seconds for age in found.ages)], found.promised)


def _where_most_wait(department: Department) -> tuple[int, int, str, str]:
    found = department.stages.values()
    return -sum(one.overdue for one in found), -sum(one.open for one in found), department.name, department.code
