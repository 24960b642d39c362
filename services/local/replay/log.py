"""Event logs as streams of rows with their line: `.csv`, `.csv.gz`, `.xes` and `.xes.gz`; memory stays bounded."""

from __future__ import annotations

import gzip
import zlib
from collections.abc import Callable, Collection, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO, cast

from services.local.replay import csv_rows, xes_rows
from services.local.replay.faults import LogError
from services.local.replay.rows import Broken, Row

_KINDS = (".csv", ".csv.gz", ".xes", ".xes.gz")


@dataclass(frozen=True, slots=True)
class Log:
    """One log file; `delimiter` counts for CSV only."""

    path: Path
    delimiter: str = ","

    @property
    def kind(self) -> str:
        """`.csv` or `.xes`; raises `LogError` for another file."""
        kind = next((kind for kind in _KINDS if self.path.name.lower().endswith(kind)), None)
        if kind is None:
            raise LogError(f"{self.path} is no log that is read here: its name ends in none of {', '.join(_KINDS)}")
        return kind.removesuffix(".gz")

    @property
    def name(self) -> str:
        """The file's name without its endings."""
        return next(self.path.name[: -len(kind)] for kind in reversed(_KINDS) if self.path.name.lower().endswith(kind))

    @property
    def size(self) -> int:
        """Bytes on disk."""
        try:
            return self.path.stat().st_size
        except OSError as error:
            raise LogError(f"{self.path} cannot be read: {error.strerror}") from None

    def rows(self, columns: Collection[str], told: Callable[[int], None] = lambda _: None) -> Iterator[Row | Broken]:
        """Every row, or why it cannot be read, in the file's order; only `columns` are kept of it.

        `told` hears how many bytes of the file are read. Raises `LogError` when the file as a whole is no log.
        """
        kind = self.kind
        with self._opened() as (raw, stream), self._explained():
            found = csv_rows.read(stream, columns, self.delimiter) if kind == ".csv" else xes_rows.read(stream, columns)
            for number, row in enumerate(found):
                if number % 1000 == 0:
                    told(raw.tell())
                yield row
            told(raw.tell())

    @contextmanager
    def _opened(self) -> Iterator[tuple[BinaryIO, BinaryIO]]:
        try:
            with self.path.open("rb") as raw:
                if self.path.name.lower().endswith(".gz"):
                    with gzip.open(raw) as stream:
                        yield raw, cast("BinaryIO", stream)
                else:
                    yield raw, raw
        except OSError as error:
            raise LogError(f"{self.path} cannot be read: {error.strerror or error}") from None

    @contextmanager
    def _explained(self) -> Iterator[None]:
        try:
            yield
        except (EOFError, zlib.error, gzip.BadGzipFile) as error:
            raise LogError(f"{self.path} is no whole gzip file: {error}") from None
        except LogError as error:
            raise LogError(f"{self.path}: {error}") from None
