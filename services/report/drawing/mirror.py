"""Two counts over the same classes, one upwards and filled, the other downwards and hatched: told apart in print."""

from collections.abc import Sequence
from dataclasses import dataclass

from matplotlib.axes import Axes

from services.report.drawing.paper import CALM, GRID, INK, LATE, PAPER, SMALL_POINTS, TEXT_POINTS, bare

LEFT_INCHES = 0.86
"""Room for the words beside both halves."""
LABELLED_MAX = 12
"""With more classes the numbers on the bars would not fit; the table holds them."""
VISIBLE_LEAST = 0.015
"""Of the height: a bar of one is seen beside one of a thousand."""


@dataclass(frozen=True, slots=True)
class Half:
    """One half: its words and its counts."""

    says: str
    counts: Sequence[int]


def mirror(axes: Axes, title: str, up: Half, down: Half) -> None:
    """Draw both halves; class `n` reaches from n to n + 1, and both have the same scale."""
    high, low = (max(half.counts, default=0) for half in (up, down))
    scale = max(high + low, 1)
    bare(axes)
    axes.set_title(title, loc="left", x=0, fontsize=TEXT_POINTS, color=INK, fontweight="bold", parse_math=False)
    axes.set_xlim(0, max(len(up.counts), 1))
    room = scale * 0.16
    axes.set_ylim(-max(low, scale * 0.12) - room, max(high, scale * 0.12) + room)
    axes.axhline(0, color=INK, linewidth=0.8)
    _bars(axes, up, 1, scale)
    _bars(axes, down, -1, scale)


def _bars(axes: Axes, half: Half, sign: int, scale: int) -> None:
    least = scale * VISIBLE_LEAST
    labelled = len(half.counts) <= LABELLED_MAX
    for number, count in enumerate(half.counts):
        if not count:
            continue
        height = sign * max(count, least)
        if sign > 0:
            axes.bar(number + 0.5, height, width=0.72, linewidth=0.9, facecolor=CALM)
        else:
            axes.bar(number + 0.5, height, width=0.72, linewidth=0.9, facecolor=PAPER, edgecolor=LATE, hatch="/////")
        if labelled:
            axes.annotate(
                str(count),
                (number + 0.5, height),
                (0, 2 * sign),
                textcoords="offset points",
                ha="center",
                va="bottom" if sign > 0 else "top",
                fontsize=SMALL_POINTS,
                color=INK,
            )
    axes.annotate(
        f"{half.says}\n{sum(half.counts)}",
        (0, sign * scale * 0.02),
        (-6, sign * 4),
        textcoords="offset points",
        ha="right",
        va="bottom" if sign > 0 else "top",
        fontsize=SMALL_POINTS,
        color=CALM if sign > 0 else LATE,
        annotation_clip=False,
    )


def promise(axes: Axes, first: float, middle: float, last: float) -> None:
    """Mark what was promised: a dashed line at the middle, and a band where the promises differ."""
    if last > first:
        axes.axvspan(first, last, color=GRID, alpha=0.45, linewidth=0, zorder=0)
    axes.axvline(middle, color=INK, linewidth=1.4, linestyle=(0, (4, 2)), zorder=3)
