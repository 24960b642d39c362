from __future__ import annotations

import csv
import gzip
import io
from pathlib import Path
from types import ModuleType

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from services.local.replay import csv_rows, xes_rows
from services.local.replay.faults import LogError
from services.local.replay.log import Log
from services.local.replay.rows import Broken, Row

XES = """<?xml version="1.0" encoding="UTF-8"?>
<log xes.version="1.0" xmlns="http://www.xes-standard.org/">
  <extension name="Concept" prefix="concept" uri="http://www.xes-standard.org/concept.xesext"/>
  <global scope="event"><string key="concept:name" value="none"/></global>
  <trace>
    <string key="concept:name" value="one"/>
    <event>
      <string key="concept:name" value="read"/>
      <date key="time:timestamp" value="2024-03-01T10:00:00.000+01:00"/>
      <list key="more"><string key="concept:name" value="inner"/></list>
    </event>
    <event><string key="concept:name" value="done"/></event>
    <string key="department" value="General"/>
  </trace>
  <trace><string key="concept:name" value="two"/></trace>
</log>
"""
COLUMNS = ("case:concept:name", "concept:name", "time:timestamp", "case:department")


def rows(file: Path, *columns: str, delimiter: str = ",") -> list[Row | Broken]:
    return list(Log(file, delimiter).rows(columns))


def written(file: Path, content: str | bytes) -> Path:
    content = content.encode() if isinstance(content, str) else content
    file.write_bytes(gzip.compress(content) if file.suffix == ".gz" else content)
    return file


@pytest.mark.parametrize("name", ["log.csv", "log.csv.gz", "LOG.CSV"])
def test_csv_rows_come_with_the_line_on_which_they_begin(tmp_path: Path, name: str) -> None:
    file = tmp_path / name
    content = '\ufeffa,b,c\n1,"two\nlines",3\n\n4,5,6\n'
    file.write_bytes(gzip.compress(content.encode()) if name.endswith("gz") else content.encode())
    assert rows(file, "a", "b") == [Row(2, {"a": "1", "b": "two\nlines"}), Row(5, {"a": "4", "b": "5"})]


def test_csv_rows_that_cannot_be_read_are_told_and_the_rest_goes_on(tmp_path: Path) -> None:
    file = written(tmp_path / "log.csv", b'a,b\n1\n"2"x,3\n\xff,4\n5,6\n')
    found = rows(file, "a", "b")
    assert [(row.line, type(row)) for row in found] == [(2, Broken), (3, Broken), (4, Broken), (5, Row)]
    assert isinstance(found[2], Broken)
    assert "UTF-8" in found[2].message


def test_a_quote_that_never_closes_is_told_with_all_lines_it_swallows(tmp_path: Path) -> None:
    found = rows(written(tmp_path / "log.csv", 'a,b\n1,2\n"3,4\n5,6\n'), "a", "b")
    assert found[0] == Row(2, {"a": "1", "b": "2"})
    assert isinstance(found[1], Broken)
    assert found[1].line == 3
    assert "up to line 4" in found[1].message


def test_a_column_that_is_not_there_is_told_with_what_is(tmp_path: Path) -> None:
    file = written(tmp_path / "log.csv", "case,dept;x\n1,2\n")
    with pytest.raises(LogError, match=r"no column 'depts' \(did you mean 'dept;x'\?\); the columns are: case, dept;x"):
        rows(file, "case", "depts")


def test_another_delimiter_can_be_named(tmp_path: Path) -> None:
    assert rows(written(tmp_path / "log.csv", "a;b\n1;2\n"), "b", delimiter=";") == [Row(2, {"b": "2"})]


@pytest.mark.parametrize("name", ["log.xes", "log.xes.gz"])
def test_xes_events_are_rows_with_the_attributes_of_their_trace(tmp_path: Path, name: str) -> None:
    found = rows(written(tmp_path / name, XES), *COLUMNS)
    assert found == [
        Row(7, dict(zip(COLUMNS, ["one", "read", "2024-03-01T10:00:00.000+01:00", "General"], strict=True))),
        Row(12, dict(zip(COLUMNS, ["one", "done", "", "General"], strict=True))),
        Broken(15, "the trace has no events"),
    ]


def test_an_event_outside_every_trace_is_told(tmp_path: Path) -> None:
    found = rows(written(tmp_path / "log.xes", "<log><event/></log>"), *COLUMNS)
    assert found == [Broken(1, "the event stands in no trace, so in no case")]


@pytest.mark.parametrize("module", [csv_rows, xes_rows])
def test_rows_are_given_before_the_file_is_read_to_its_end(module: ModuleType) -> None:
    trace = b'<trace><string key="concept:name" value="one"/><event/></trace>'
    content = (
        b"<log>" + trace * 50_000 + b"</log>" if module is xes_rows else b"case:concept:name\n" + b"one\n" * 500_000
    )
    stream = io.BytesIO(content)
    found = module.read(stream, ["case:concept:name"], *([","] if module is csv_rows else []))
    assert next(found).values == {"case:concept:name": "one"}
    assert stream.tell() < len(content) / 10
    assert sum(1 for _ in found) == (49_999 if module is xes_rows else 499_999)


@pytest.mark.parametrize(
    "prologue",
    [
        '<!DOCTYPE log [<!ENTITY a "aaaaaaaaaa"><!ENTITY b "&a;&a;&a;">]>',
        '<!DOCTYPE log SYSTEM "file:///etc/hostname">',
    ],
)
def test_a_document_type_is_refused_before_any_entity_is_expanded(tmp_path: Path, prologue: str) -> None:
    file = written(tmp_path / "log.xes", f'{prologue}\n<log><trace><string key="k" value="&b;"/></trace></log>')
    with pytest.raises(LogError, match="line 1: a document type"):
        rows(file, *COLUMNS)


def test_xml_that_breaks_off_is_told_with_its_place(tmp_path: Path) -> None:
    with pytest.raises(LogError, match="line 2, column 1"):
        rows(written(tmp_path / "log.xes", "<log>\n<trace"), *COLUMNS)


def test_xml_of_another_kind_is_no_log(tmp_path: Path) -> None:
    with pytest.raises(LogError, match="no <log>"):
        rows(written(tmp_path / "log.xes", "<html/>"), *COLUMNS)


def test_a_gzip_file_that_breaks_off_is_told(tmp_path: Path) -> None:
    file = tmp_path / "log.csv.gz"
    file.write_bytes(gzip.compress(b"a,b\n" + b"1,2\n" * 50_000)[:-30])
    with pytest.raises(LogError, match="no whole gzip file"):
        rows(file, "a")


@pytest.mark.parametrize("name", ["log.csv.gz", "log.xes.gz"])
def test_a_file_that_is_no_gzip_is_told(tmp_path: Path, name: str) -> None:
    (tmp_path / name).write_text("a,b\n")
    with pytest.raises(LogError, match="no whole gzip file"):
        rows(tmp_path / name, "a")


def test_another_ending_is_refused(tmp_path: Path) -> None:
    with pytest.raises(LogError, match=r"\.xlsx is no log"):
        rows(tmp_path / "log.xlsx", "a")


def test_a_file_that_is_not_there_is_told(tmp_path: Path) -> None:
    with pytest.raises(LogError, match="No such file"):
        rows(tmp_path / "log.csv", "a")


CELLS = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\x00"), max_size=20)


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(table=st.lists(st.lists(CELLS, min_size=2, max_size=2), max_size=8))
def test_what_a_csv_writer_writes_is_read_back(tmp_path: Path, table: list[list[str]]) -> None:
    file = tmp_path / "log.csv"
    with file.open("w", encoding="utf-8", newline="") as stream:
        csv.writer(stream).writerows([["a", "b"], *table])
    assert [row.values for row in rows(file, "a", "b") if isinstance(row, Row)] == [
        {"a": first, "b": second} for first, second in table
    ]
