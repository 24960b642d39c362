"""Serves the last snapshot, whatever happens: what a scrape needs is made beforehand, so nothing in it can fail."""

from collections.abc import Iterable

from prometheus_client.core import Metric
from prometheus_client.registry import Collector


class SnapshotCollector(Collector):
    """Serves nothing before the first snapshot, and then the last one, which says its own moment."""

    def __init__(self) -> None:
        self._families: tuple[Metric, ...] = ()

    def show(self, families: tuple[Metric, ...]) -> None:
        """From now on serve these; a scrape that is under way ends with those it began with."""
        self._families = families

    def collect(self) -> Iterable[Metric]:
        """The families of the last snapshot; called in any thread."""
        return self._families

    def describe(self) -> Iterable[Metric]:
        """None: their names are the closed list of `definitions`, and registering asks for no snapshot."""
        return []
