"""The three drawings of the page: how long it took, who waits now, and what became of the promises over time."""

from collections.abc import Sequence
from dataclasses import dataclass
from xml.etree.ElementTree import Element

from matplotlib.axes import Axes
from matplotlib.figure import Figure

from services.report.bins import Bins
from services.report.drawing.mirror import LEFT_INCHES, Half, mirror, promise
from services.report.drawing.paper import (
    CALM,
    GRID,
    INK,
    LATE,
    MUTED,
    PAPER,
    SMALL_POINTS,
    WIDTH_INCHES,
    bare,
    sheet,
    svg,
)
from services.report.marks import COLUMNS, Mark
from services.report.periods import Period, Unit
from services.report.spans import mark, meanings, ticks

PANEL_INCHES, TITLE_INCHES, FOOT_INCHES, RIGHT_INCHES = 1.25, 0.34, 0.46, 0.16
LEVEL, TEXT_ROOM = 9, 22
"""Of the marks by department, in hundredths of an inch: the height of a mark, and of the line above them."""
NAME_MAX = 32
PERIOD_MARKS_MAX = 5


@dataclass(frozen=True, slots=True)
class Spread:
    """How long one stage took in a department: what was answered, what still waits, and what was promised."""

    title: str
    bins: Bins
    answered: Sequence[float]
    ages: Sequence[float]
    promised: Sequence[float]


@dataclass(frozen=True, slots=True)
class Row:
    """Who waits now in one department."""

    label: str
    marks: Sequence[Mark]
    promised: Sequence[float]


@dataclass(frozen=True, slots=True)
class Course:
    """What became of the promises of one stage."""

    title: str
    periods: Sequence[Period]


def spreads(shown: Sequence[Spread], name: str, says: str) -> Element:
    """Below each other, one panel a stage: answered upwards, still waiting downwards."""
    figure, panels = _panels(len(shown))
    for spread, axes in zip(shown, panels, strict=True):
        answered, waiting = (spread.bins.counts(lengths) for lengths in (spread.answered, spread.ages))
        mirror(axes, spread.title, Half("beantwoord", answered), Half("wacht nog", waiting))
        if spread.promised:
            promise(axes, *map(spread.bins.place, _first_middle_last(spread.promised)))
        marks = spread.bins.marks
        axes.set_xticks(range(len(marks) + 1), ["0", *marks])
        _foot(axes, f"zo lang gewacht ({meanings(marks)})")
    return svg(figure, name, says)


def courses(shown: Sequence[Course], unit: Unit, name: str, says: str) -> Element:
    """Below each other, one panel a stage: kept upwards, broken downwards."""
    figure, panels = _panels(len(shown))
    for course, axes in zip(shown, panels, strict=True):
        met = Half("op tijd", [period.met for period in course.periods])
        missed = Half("te laat", [period.missed for period in course.periods])
        mirror(axes, course.title, met, missed)
        every = -(-len(course.periods) // PERIOD_MARKS_MAX)
        places = range(0, len(course.periods), every)
        axes.set_xticks([place + 0.5 for place in places], [unit.mark(course.periods[place].start) for place in places])
        _foot(axes, f"per {unit.name}")
    return svg(figure, name, says)


def rows(shown: Sequence[Row], end_seconds: float, levels: int, name: str, says: str) -> Element:
    """A row a department: a mark for who waits, further to the right the longer, and what was promised as a line."""
    row_height = TEXT_ROOM + levels * LEVEL
    height = len(shown) * row_height / 100 + FOOT_INCHES
    figure = sheet(height)
    axes = figure.add_axes((0.03, FOOT_INCHES / height, 0.94, 1 - FOOT_INCHES / height))
    bare(axes)
    axes.set_xlim(0, end_seconds)
    axes.set_ylim(-len(shown) * row_height, 0)
    for number, row in enumerate(shown):
        _row(axes, row, -(number + 1) * row_height, row_height - TEXT_ROOM, end_seconds)
    at = [tick for tick in ticks(end_seconds) if tick <= end_seconds]
    labels = ["0" if tick == 0 else mark(tick) for tick in at]
    axes.set_xticks(at, labels)
    for tick in at:
        axes.axvline(tick, color=GRID, linewidth=0.5, zorder=0)
    _foot(axes, f"wacht al zo lang ({meanings(labels)})")
    return svg(figure, name, says)


def _row(axes: Axes, row: Row, base: float, room: float, end_seconds: float) -> None:
    axes.plot([0, end_seconds], [base, base], color=GRID, linewidth=0.8, zorder=1)
    axes.text(
        0, base + room + TEXT_ROOM - 5, row.label, fontsize=SMALL_POINTS + 0.5, color=INK, va="top", parse_math=False
    )
    if row.promised:
        first, middle, last = _first_middle_last(row.promised)
        axes.fill_betweenx([base, base + room], first, last, color=GRID, alpha=0.45, linewidth=0, zorder=0)
        axes.plot([middle] * 2, [base, base + room], color=INK, linewidth=1.4, linestyle=(0, (4, 2)), zorder=2)
    for is_overdue in (True, False):
        found = [one for one in row.marks if one.is_overdue == is_overdue]
        axes.plot(
            [(one.column + 0.5) / COLUMNS * end_seconds for one in found],
            [base + (one.level + 0.62) * LEVEL for one in found],
            linestyle="none",
            marker="^" if is_overdue else "o",
            markersize=4.6,
            markerfacecolor=LATE if is_overdue else PAPER,
            markeredgecolor=LATE if is_overdue else CALM,
            markeredgewidth=1.1,
            zorder=4,
            clip_on=False,
        )


def _panels(count: int) -> tuple[Figure, Sequence[Axes]]:
    each = PANEL_INCHES + TITLE_INCHES + FOOT_INCHES
    height = each * count
    figure = sheet(height)
    left, width = LEFT_INCHES / WIDTH_INCHES, 1 - (LEFT_INCHES + RIGHT_INCHES) / WIDTH_INCHES
    bottoms = [(height - each * (number + 1) + FOOT_INCHES) / height for number in range(count)]
    return figure, [figure.add_axes((left, bottom, width, PANEL_INCHES / height)) for bottom in bottoms]


def _foot(axes: Axes, text: str) -> None:
    axes.set_xlabel(text, fontsize=SMALL_POINTS, color=MUTED, loc="left", labelpad=2)


def _first_middle_last(lengths: Sequence[float]) -> tuple[float, float, float]:
    """The shortest, the median as one of them, and the longest of some that stand in order."""
    return lengths[0], lengths[len(lengths) // 2], lengths[-1]


def shortened(name: str) -> str:
    """A department's name in a row of a drawing; the page's text holds it whole."""
    return name if len(name) <= NAME_MAX else f"{name[: NAME_MAX - 1].rstrip()}…"
