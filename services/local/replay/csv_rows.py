"""CSV as a stream: RFC 4180, UTF-8, the first line names the columns."""

from __future__ import annotations

import csv
import difflib
import io
from collections.abc import Collection, Iterator, Sequence
from typing import Any, BinaryIO

from services.local.replay.faults import LogError
from services.local.replay.rows import Broken, Row


def read(stream: BinaryIO, columns: Collection[str], delimiter: str) -> Iterator[Row | Broken]:
    """The rows below the header; raises `LogError` when it lacks one of `columns`."""
    text = io.TextIOWrapper(stream, "utf-8-sig", errors="surrogateescape", newline="")
    try:
        yield from _rows(csv.reader(text, delimiter=delimiter, strict=True), columns)
    finally:
        text.detach()  # the stream is the caller's, who closes it


def _rows(reader: Any, columns: Collection[str]) -> Iterator[Row | Broken]:
    try:
        header: list[str] = next(reader, [])
    except csv.Error as error:
        raise LogError(f"line 1: the header cannot be read: {error}") from None
    places = _places(header, columns)
    while True:
        line = reader.line_num + 1
        try:
            fields = next(reader)
        except StopIteration:
            return
        except csv.Error as error:
            yield Broken(line, f"the row cannot be read, up to line {reader.line_num}: {error}")
            continue
        if fields:  # a blank line is no row
            yield _row(line, fields, len(header), places)


def _places(header: Sequence[str], columns: Collection[str]) -> dict[str, int]:
    if twice := sorted({name for name in columns if header.count(name) > 1}):
        raise LogError(f"line 1: the header names {', '.join(twice)} twice")
    if missing := [name for name in columns if name not in header]:
        near = {name: difflib.get_close_matches(name, header, n=1) for name in missing}
        said = ", ".join(
            f"{name!r}" + (f" (did you mean {near[name][0]!r}?)" if near[name] else "") for name in missing
        )
        raise LogError(f"line 1: there is no column {said}; the columns are: {', '.join(header)}")
    return {name: header.index(name) for name in columns}


def _row(line: int, fields: Sequence[str], width: int, places: dict[str, int]) -> Row | Broken:
    if len(fields) != width:
        return Broken(line, f"the row has {len(fields)} fields and the header {width}")
    values = {name: fields[place] for name, place in places.items()}
    if any("\udc80" <= letter <= "\udcff" for value in values.values() for letter in value):
        return Broken(line, "the row holds bytes that are no UTF-8")
    return Row(line, values)
