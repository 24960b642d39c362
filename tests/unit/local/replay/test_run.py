from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

import pytest

from services.local.replay.faults import LogError
from services.local.replay.log import Log
from services.local.replay.mapping import Mapping
from services.local.replay.run import Told, tell

HEADER = "id,what,at,begun,dept"
ROW = "one,read,2024-03-01T10:00Z,2024-03-01T09:00Z,A"


class Steps:
    """Bars that remember."""

    def __init__(self) -> None:
        self.shown: list[tuple[str, int, int]] = []

    def show(self, way: str, done: int, total: int) -> None:
        self.shown.append((way, done, total))


def told(mapping: Mapping, folder: Path, *rows: str, until: datetime | None = None, bars: Steps | None = None) -> Told:
    file = folder / "log.csv"
    file.write_text("\n".join([HEADER, *rows]))
    return tell(Log(file), mapping, until, lambda: datetime(2026, 1, 1, tzinfo=UTC), bars or Steps())


def test_the_clock_of_a_replay_is_the_end_of_the_log_or_what_is_asked_for(mapping: Mapping, tmp_path: Path) -> None:
    until = datetime(2024, 3, 1, 9, 30, 0, 1999, tzinfo=UTC)
    assert told(mapping, tmp_path, ROW).at == datetime(2024, 3, 1, 10, tzinfo=UTC)
    assert told(mapping, tmp_path, ROW, until=until).at == datetime(2024, 3, 1, 9, 30, 0, 1000, tzinfo=UTC)


def test_progress_ends_at_the_size_of_the_file(mapping: Mapping, tmp_path: Path) -> None:
    bars = Steps()
    told(mapping, tmp_path, *[ROW] * 3000, bars=bars)
    size = (tmp_path / "log.csv").stat().st_size
    assert bars.shown[-1] == ("Reading the log", size, size)
    assert len(bars.shown) == 4


def test_a_log_without_a_case_is_told_with_its_first_finding(mapping: Mapping, tmp_path: Path) -> None:
    with pytest.raises(LogError, match="holds no case to replay; the first of 1 findings: line 2: at: 'soon'"):
        told(mapping, tmp_path, "one,read,soon,2024-03-01T09:00Z,A")
    with pytest.raises(LogError, match=r"holds no case to replay$"):
        told(mapping, tmp_path)


def test_a_moment_before_every_case_is_told(mapping: Mapping, tmp_path: Path) -> None:
    with pytest.raises(LogError, match=r"none of its 1 cases has begun by 2024-03-01T08:00:00\.000Z"):
        told(mapping, tmp_path, ROW, until=datetime(2024, 3, 1, 8, tzinfo=UTC))
