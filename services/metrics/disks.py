"""How much room is left on the disks that the settings name: Kafka and PostgreSQL stop when theirs is full."""

import asyncio
import logging
import os
from collections.abc import Mapping, Sequence
from pathlib import Path

from prometheus_client.core import GaugeMetricFamily, Metric

from services.metrics import definitions as d

_log = logging.getLogger(__name__)


class Disks:
    """The disks by part (`kafka`, `postgresql`); the exporter must see the same file system as the part does."""

    def __init__(self, disks: Mapping[str, Path]) -> None:
        self._disks = dict(sorted(disks.items()))
        self._told: set[str] = set()

    async def look(self) -> Sequence[Metric]:
        """Free and whole size in bytes; a disk that cannot be asked is absent. A network disk may hang: in a thread."""
        return await asyncio.to_thread(self._families)

    def _families(self) -> Sequence[Metric]:
        free = GaugeMetricFamily(d.DISK_FREE.name, d.DISK_FREE.help, labels=d.DISK_FREE.labels)
        size = GaugeMetricFamily(d.DISK_SIZE.name, d.DISK_SIZE.help, labels=d.DISK_SIZE.labels)
        for part, path in self._disks.items():
            try:
                found = os.statvfs(path)
            except OSError as error:
                self._tell(part, error)
                continue
            self._told.discard(part)
            free.add_metric((part,), found.f_bavail * found.f_frsize)  # what is left to a user who is not root
            size.add_metric((part,), found.f_blocks * found.f_frsize)
        return free, size

    def _tell(self, part: str, error: OSError) -> None:
        if part not in self._told:
            _log.warning("The disk of %s cannot be looked at: %s", part, error)
            self._told.add(part)
