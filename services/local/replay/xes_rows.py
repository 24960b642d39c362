"""XES (IEEE 1849) as a stream: an event is a row, with the attributes of its trace under `case:`.

Read with expat itself, for the lines; a document type is refused, and with it every entity that could be expanded.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator
from dataclasses import dataclass, field
from typing import BinaryIO, NoReturn
from xml.parsers import expat

from services.local.replay.faults import LogError
from services.local.replay.rows import Broken, Row

CASE = "case:"
_CHUNK = 64 * 1024
_ATTRIBUTES = frozenset({"string", "date", "int", "float", "boolean", "id"})


def read(stream: BinaryIO, columns: Collection[str]) -> Iterator[Row | Broken]:
    """The events in the file's order; a trace is held until its end, for its attributes may follow its events."""
    reader = _Reader(frozenset(columns))
    parser = expat.ParserCreate()
    reader.listen(parser)
    try:
        while chunk := stream.read(_CHUNK):
            parser.Parse(chunk, False)
            yield from reader.take()
        parser.Parse(b"", True)
        yield from reader.take()
    except expat.ExpatError as error:
        raise LogError(
            f"line {error.lineno}, column {error.offset + 1}: no XML: {expat.ErrorString(error.code)}"
        ) from None
    if not reader.is_log:
        raise LogError("line 1: the XML is no XES: its root is no <log>")


@dataclass(slots=True)
class _Reader:
    columns: frozenset[str]
    is_log: bool = False
    _path: list[str] = field(default_factory=list)
    _line: int = 0
    _trace: dict[str, str] = field(default_factory=dict)
    _event: dict[str, str] = field(default_factory=dict)
    _events: list[Row] = field(default_factory=list)
    _done: list[Row | Broken] = field(default_factory=list)
    _parser: expat.XMLParserType | None = None

    def listen(self, parser: expat.XMLParserType) -> None:
        """Let the parser tell this reader what it meets."""
        self._parser = parser
        parser.StartElementHandler = self._start
        parser.EndElementHandler = self._end
        parser.StartDoctypeDeclHandler = self._refuse
        parser.EntityDeclHandler = self._refuse

    def take(self) -> list[Row | Broken]:
        """The rows of the traces that have ended since the last time."""
        done, self._done = self._done, []
        return done

    def _start(self, name: str, attributes: dict[str, str]) -> None:
        name = name.rpartition(":")[2]
        where = self._path[-1] if self._path else ""
        depth = len(self._path)
        self._path.append(name)
        if depth == 0:
            self.is_log = name == "log"
        elif name in ("trace", "event"):
            self._begin(name)
        elif name in _ATTRIBUTES and where in ("trace", "event"):
            self._keep(where, attributes.get("key", ""), attributes.get("value", ""))

    def _begin(self, name: str) -> None:
        line = self._parser.CurrentLineNumber if self._parser else 0
        if name == "event":
            self._event, self._line = {}, line
        else:
            self._trace, self._events, self._line = {}, [], line

    def _keep(self, where: str, key: str, value: str) -> None:
        if where == "event":
            if key in self.columns:
                self._event[key] = value
        elif CASE + key in self.columns:
            self._trace[CASE + key] = value

    def _end(self, name: str) -> None:
        name = name.rpartition(":")[2]
        self._path.pop()
        if name == "event" and "trace" not in self._path:
            self._done.append(Broken(self._line, "the event stands in no trace, so in no case"))
        elif name == "event":
            self._events.append(Row(self._line, self._event))
        elif name == "trace":
            if not self._events:
                self._done.append(Broken(self._line, "the trace has no events"))
            missing = dict.fromkeys(self.columns, "")
            self._done += [Row(event.line, missing | self._trace | dict(event.values)) for event in self._events]
            self._events = []

    def _refuse(self, *_: object) -> NoReturn:
        line = self._parser.CurrentLineNumber if self._parser else 0
        raise LogError(f"line {line}: a document type or an entity is not read here; remove it")
