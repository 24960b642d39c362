"""The file of a journal: lines that outlive the process once written, the machine once synced; whole or gone."""

import json
import os
from collections.abc import Iterable, Iterator
from json.encoder import encode_basestring_ascii as _quoted
from pathlib import Path

from services.department.journal import EventKey, JournalError


class Lines:
    """An append-only file with one event a line, as JSON: `["source", "id"]`."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._file = -1

    @property
    def is_open(self) -> bool:
        """Whether lines can be appended: not before `open`, nor after an append that failed."""
        return self._file >= 0

    def open(self) -> list[EventKey]:
        """Answer every line that was written whole; cut away what a crash tore off behind the last one.

        Raises `JournalError` when a line in the middle is damaged, OSError when the disk fails.
        """
        self.close()
        descriptor = _open(self.path)
        try:
            events = list(self._whole(descriptor))
            sync_folder(self.path.parent)
        except BaseException:
            os.close(descriptor)
            raise
        self._file = descriptor
        return events

    def close(self) -> None:
        """Let go of the file; harmless when not open."""
        descriptor, self._file = self._file, -1
        if descriptor >= 0:
            os.close(descriptor)

    def append(self, event: EventKey) -> None:
        """Write one line; a process that dies leaves it. After an OSError `open` must tell what was written."""
        line = _line(event)
        try:
            done = os.write(self._file, line)
            if done < len(line):
                _write(self._file, line[done:])
        except OSError:
            self.close()
            raise

    def sync(self) -> None:
        """Have every line that was written on the disk, also while more are; after an OSError `close` and `open`."""
        os.fsync(self._file)

    def draft(self, events: Iterable[EventKey]) -> None:
        """Write these lines into a file beside this one, while more may be appended; OSError when the disk fails."""
        path = self._draft
        path.unlink(missing_ok=True)
        new = _open(path)
        try:
            _write(new, b"".join(map(_line, events)))
            os.fsync(new)
        finally:
            os.close(new)

    def adopt(self, more: Iterable[EventKey]) -> None:
        """Put the draft, with the lines that came since, in this file's place, whole or not at all."""
        new = _open(self._draft)
        try:
            _write(new, b"".join(map(_line, more)))
            os.fsync(new)
            self._draft.replace(self.path)
        except OSError:
            os.close(new)
            raise
        self.close()
        self._file = new
        sync_folder(self.path.parent)

    @property
    def _draft(self) -> Path:
        return self.path.with_name(f"{self.path.name}.new")

    def _whole(self, descriptor: int) -> Iterator[EventKey]:
        end, torn = 0, False
        with self.path.open("rb") as stream:
            for number, line in enumerate(stream, 1):
                event = _event(line)
                if event is None:
                    torn = True
                elif torn:
                    raise JournalError(f"{self.path}, line {number - 1}: damaged. Restore the file from a copy.")
                else:
                    end += len(line)
                    yield event
        if torn:
            os.ftruncate(descriptor, end)
            os.fsync(descriptor)


def sync_folder(folder: Path) -> None:
    """Have the names in a folder on the disk, not only what the files hold."""
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _line(event: EventKey) -> bytes:
    return f"[{_quoted(event.source)}, {_quoted(event.id)}]\n".encode()


def _open(path: Path) -> int:
    return os.open(path, os.O_RDWR | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC, 0o600)


def _write(descriptor: int, content: bytes) -> None:
    while content:
        content = content[os.write(descriptor, content) :]


def _event(line: bytes) -> EventKey | None:
    """The event of a whole line; None when it is torn or damaged."""
    try:
        found = json.loads(line) if line.endswith(b"\n") else None
    except ValueError:
        return None
    match found:
        case [str(source), str(id_)]:
            return EventKey(source, id_)
    return None
