"""Waits in classes between round lengths, few enough to read; and where on the axis of classes a length lies. Pure."""

from bisect import bisect_left
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

from services.report.spans import ROUND, mark

BINS_MAX = 8


@dataclass(frozen=True, slots=True)
class Bins:
    """Classes up to each of `edges` (seconds, at least one): the first begins at 0, the last holds all that is longer.

    One of exactly an edge is within it, as with the buckets of the metrics.
    """

    edges: tuple[int, ...]

    def counts(self, seconds: Sequence[float]) -> list[int]:
        """How many lie in each class; together they are all."""
        found = Counter(self._class(one) for one in seconds)
        return [found[number] for number in range(len(self.edges))]

    def place(self, seconds: float) -> float:
        """Where a length lies on the axis: class `n` reaches from n to n + 1, and a longer length is never left."""
        number = self._class(seconds)
        low = self.edges[number - 1] if number else 0
        return number + min(1.0, (seconds - low) / (self.edges[number] - low))

    @property
    def marks(self) -> list[str]:
        """What stands at each edge of the axis."""
        return [mark(edge) for edge in self.edges]

    @property
    def names(self) -> list[str]:
        """Each class in words, for a table."""
        marks = self.marks
        return [f"tot {marks[0]}", *(f"{low} tot {high}" for low, high in pairwise(marks))]

    def _class(self, seconds: float) -> int:
        return min(bisect_left(self.edges, seconds), len(self.edges) - 1)


def bins(lengths: Sequence[float], promised: Sequence[float], most: int = BINS_MAX) -> Bins:
    """Classes for these lengths, at most `most`, with an edge at or just past the middle of what was promised.

    Where there are too many, those two neighbours become one that together hold the fewest.
    """
    every = [*lengths, *promised] or [0.0]
    first, last = (min(bisect_left(ROUND, one), len(ROUND) - 1) for one in (min(every), max(every)))
    edges = list(ROUND[first : last + 1])
    kept = {edges[-1]}
    if promised:
        middle = sorted(promised)[len(promised) // 2]
        kept.add(edges[min(bisect_left(edges, middle), len(edges) - 1)])
    while len(edges) > max(most, len(kept)):
        edges.remove(_least(edges, lengths, kept))
    return Bins(tuple(edges))


def _least(edges: Sequence[int], lengths: Sequence[float], kept: set[int]) -> int:
    """The edge between the two neighbours that together hold the fewest."""
    counts = Bins(tuple(edges)).counts(lengths)
    able = [number for number, edge in enumerate(edges) if edge not in kept]
    return edges[min(able, key=lambda number: (counts[number] + counts[number + 1], number))]
