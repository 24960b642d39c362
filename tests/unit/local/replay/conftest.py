"""Mappings and logs made for the tests of the replay."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

import pytest

from services.local.replay.cases import Cases
from services.local.replay.log import Log
from services.local.replay.mapping import Mapping, parse

MAPPING = """
case: id
activity: what
timestamp: at
start: {column: begun}
department: {column: dept}
kind: formality-disproportionate
report:
  title: A permit for a bench
  neighbourhood: BU99990101
  formality: A permit of eleven pages
  stake: {text: A bench in the sun}
  burden: {text: Eleven pages, documents: 11}
acknowledge: {activity: read}
hand-over: change-of-department
resolve: {activity: done}
promise: {acknowledge: 2 working days, resolve: 8 weeks}
"""
NOW = datetime(2026, 1, 1, tzinfo=UTC)


@pytest.fixture
def mapping_text() -> str:
    return MAPPING


@pytest.fixture
def mapping() -> Mapping:
    return parse(MAPPING)


@pytest.fixture
def read_csv(tmp_path: Path) -> Callable[..., Cases]:
    """Reads CSV lines under the header `id,what,at,begun,dept`, on one day of 2024 where only hours are given."""

    def read(mapping: Mapping, *lines: str, header: str = "id,what,at,begun,dept") -> Cases:
        file = tmp_path / "made.csv"
        file.write_text("\n".join([header, *lines]), "utf-8")
        cases = Cases(mapping, NOW)
        cases.read(Log(file, mapping.delimiter).rows(mapping.columns))
        return cases

    return read
