"""The journal in a folder: over crashes, restarts, torn lines, full disks and a second process."""

from __future__ import annotations

import asyncio
import errno
import json
import os
import subprocess
import sys
import tempfile
from itertools import count
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from services.department import lines
from services.department.file_journal import FileJournal
from services.department.journal import EventKey, JournalError

if TYPE_CHECKING:
    from collections.abc import Iterable

ROOT = Path(__file__).parents[3]


def key(number: int) -> EventKey:
    return EventKey("urn:nld:loop", f"event-{number}")


async def take_in(journal: FileJournal, *events: EventKey) -> list[EventKey]:
    """Those that were new."""
    new = []
    for event in events:
        async with journal.taking_in(event) as entry:
            if entry is not None:
                new.append(event)
    return new


async def reopened(folder: Path, *events: EventKey, keep: int = 1000) -> list[EventKey]:
    journal = FileJournal(folder, keep=keep)
    await journal.open()
    try:
        return await take_in(journal, *events)
    finally:
        await journal.close()


async def test_an_event_is_new_once_also_after_a_restart(tmp_path: Path) -> None:
    assert await reopened(tmp_path, key(1), key(2), key(1)) == [key(1), key(2)]
    assert await reopened(tmp_path, key(2), key(3), key(1)) == [key(3)]


async def test_a_handler_that_raises_leaves_the_event_new(tmp_path: Path) -> None:
    journal = FileJournal(tmp_path)
    await journal.open()
    with pytest.raises(ZeroDivisionError):
        async with journal.taking_in(key(1)):
            raise ZeroDivisionError
    assert await take_in(journal, key(1)) == [key(1)]
    await journal.close()


class Disk:
    """Notes what the file held each time that the disk was asked to keep it."""

    def __init__(self, folder: Path, monkeypatch: Any) -> None:
        self.kept: list[int] = []
        self.fails = False
        self._file = folder / "handled.jsonl"
        self._sync = os.fsync
        monkeypatch.setattr(lines.os, "fsync", self._fsync)

    def _fsync(self, descriptor: int) -> None:
        if self.fails:
            raise OSError(errno.EIO, "Input/output error")
        self._sync(descriptor)
        self.kept.append(self._file.read_bytes().count(b"\n"))


async def test_an_event_whose_handler_takes_its_time_is_on_the_disk_before_the_next_is_taken_in(
    tmp_path: Path, monkeypatch: Any
) -> None:
    journal = FileJournal(tmp_path, clock=count().__next__)
    await journal.open()
    disk = Disk(tmp_path, monkeypatch)
    for number in range(1, 4):
        await take_in(journal, key(number))
        assert disk.kept[-1] == number
    await journal.close()


async def test_an_event_that_comes_alone_is_on_the_disk_at_once(tmp_path: Path, monkeypatch: Any) -> None:
    journal = FileJournal(tmp_path)
    await journal.open()
    disk = Disk(tmp_path, monkeypatch)
    await take_in(journal, key(1))
    assert disk.kept == [1]
    await journal.close()


async def test_events_that_follow_each_other_fast_are_in_the_file_at_once_and_share_one_asking_of_the_disk(
    tmp_path: Path, monkeypatch: Any
) -> None:
    journal = FileJournal(tmp_path, clock=lambda: 0.0)
    await journal.open()
    disk = Disk(tmp_path, monkeypatch)
    for number in range(1, 101):
        await take_in(journal, key(number))
        assert _written(tmp_path) == number  # so a process that is killed now has lost nothing
    async with asyncio.timeout(60):
        while disk.kept[-1:] != [100]:  # noqa: ASYNC110 - without any further event
            await asyncio.sleep(0.01)
    assert len(disk.kept) < 20
    await journal.close()
    assert await reopened(tmp_path, *map(key, range(1, 102))) == [key(101)]


async def test_a_journal_that_is_closed_has_all_on_the_disk(tmp_path: Path, monkeypatch: Any) -> None:
    journal = FileJournal(tmp_path, clock=lambda: 0.0)
    await journal.open()
    disk = Disk(tmp_path, monkeypatch)
    await take_in(journal, *map(key, range(5)))
    await journal.close()
    assert disk.kept[-1] == 5


async def test_a_disk_that_hangs_is_waited_for(tmp_path: Path, monkeypatch: Any) -> None:
    moment = [0.0]
    journal = FileJournal(tmp_path, clock=lambda: moment[0])
    await journal.open()
    await take_in(journal, key(1))
    disk = Disk(tmp_path, monkeypatch)
    for number in range(2, 104):  # each comes fast, but the first of them waits for the disk ever longer
        moment[0] += 0.01
        await take_in(journal, key(number))
    assert disk.kept
    await journal.close()


async def test_a_disk_that_fails_beside_the_handlers_is_told_and_tried_again_and_nothing_is_handled_twice(
    tmp_path: Path, monkeypatch: Any
) -> None:
    journal = FileJournal(tmp_path, clock=lambda: 0.0)
    await journal.open()
    await take_in(journal, key(1))
    disk = Disk(tmp_path, monkeypatch)
    disk.fails = True
    await take_in(journal, key(2), key(3))
    with pytest.raises(OSError, match="Input/output error"):
        await journal.settle()
    disk.fails = False
    assert await take_in(journal, key(1), key(2), key(3), key(4)) == [key(4)]
    await journal.settle()
    assert disk.kept[-1] == 4
    await journal.close()


@settings(max_examples=60, deadline=None)
@given(
    events=st.lists(st.tuples(st.text(), st.text()).map(lambda pair: EventKey(*pair)), min_size=1, max_size=8),
    cut=st.integers(min_value=0, max_value=400),
    junk=st.sampled_from([b"", b"\0" * 40, b'["urn:nld:loop", "ev', b"\xff\xfe", b"{}"]),
)
def test_wherever_a_crash_tore_the_file_every_whole_line_counts_and_the_rest_is_new(
    events: list[EventKey], cut: int, junk: bytes
) -> None:
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        distinct = asyncio.run(reopened(folder, *events))
        whole = (folder / "handled.jsonl").read_bytes()
        torn = whole[: min(cut, len(whole))]
        kept = torn.count(b"\n")
        if not torn or torn.endswith(b"\n"):
            torn += junk
        (folder / "handled.jsonl").write_bytes(torn)
        assert asyncio.run(reopened(folder, *distinct)) == distinct[kept:]
        assert asyncio.run(reopened(folder, *distinct)) == []


@pytest.mark.parametrize("damage", [b"\n", b"[1, 2]\n", b'["urn:nld:loop"]\n', b"null\n", b"\xff\n", b'"ab"\n'])
async def test_damage_in_the_middle_is_told_and_nothing_is_thrown_away(tmp_path: Path, damage: bytes) -> None:
    await reopened(tmp_path, key(1))
    file = tmp_path / "handled.jsonl"
    damaged = file.read_bytes() + damage + json.dumps(key(2)).encode() + b"\n"
    file.write_bytes(damaged)
    with pytest.raises(JournalError, match=r"handled\.jsonl, line 2: damaged"):
        await reopened(tmp_path)
    assert file.read_bytes() == damaged


async def test_a_disk_that_fails_makes_the_event_come_again_and_leaves_no_half_line(
    tmp_path: Path, monkeypatch: Any
) -> None:
    journal = FileJournal(tmp_path)
    await journal.open()
    await take_in(journal, key(1))
    write = os.write
    full = [True]

    def half(descriptor: int, content: bytes) -> int:
        if not full:
            return write(descriptor, content)
        if len(content) > 10:
            return write(descriptor, content[:10])
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(lines.os, "write", lambda descriptor, content: half(descriptor, content[: len(content)]))
    with pytest.raises(OSError, match="No space"):
        await take_in(journal, EventKey("urn:nld:loop", "x" * 3))
    full.clear()
    assert await take_in(journal, key(1), key(2)) == [key(2)]
    await journal.close()
    monkeypatch.undo()
    assert await reopened(tmp_path, key(1), key(2), key(3)) == [key(3)]


async def test_the_newest_are_remembered_and_the_file_stays_small(tmp_path: Path) -> None:
    journal = FileJournal(tmp_path, keep=10)
    await journal.open()
    await take_in(journal, *map(key, range(100)))
    assert _written(tmp_path) <= 20
    assert await take_in(journal, *map(key, range(90, 100))) == []
    assert await take_in(journal, key(5)) == [key(5)]
    await journal.close()
    assert await reopened(tmp_path, key(5), key(99), keep=10) == []
    assert not (tmp_path / "handled.jsonl.new").exists()


async def test_a_crash_while_the_file_is_made_smaller_loses_nothing(tmp_path: Path, monkeypatch: Any) -> None:
    journal = FileJournal(tmp_path, keep=3)
    await journal.open()
    await take_in(journal, *map(key, range(6)))

    def replace(*_: object) -> None:
        raise OSError(errno.EIO, "Input/output error")

    monkeypatch.setattr(Path, "replace", replace)
    assert await take_in(journal, key(6), key(7)) == [key(6), key(7)]  # told in the log, and tried again
    await journal.close()
    monkeypatch.undo()
    assert await reopened(tmp_path, key(5), key(6), key(7), key(8), keep=3) == [key(8)]


def _written(folder: Path) -> int:
    return (folder / "handled.jsonl").read_bytes().count(b"\n")


def test_a_second_process_is_refused_until_the_first_has_ended(tmp_path: Path) -> None:
    program = (
        "import asyncio, sys; from pathlib import Path\n"
        "from services.department.file_journal import FileJournal\n"
        "asyncio.run(FileJournal(Path(sys.argv[1])).open())\n"
        "print('open', flush=True); sys.stdin.read()\n"
    )
    with subprocess.Popen(
        [sys.executable, "-c", program, str(tmp_path)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, cwd=ROOT
    ) as process:
        assert process.stdout
        assert process.stdout.readline() == b"open\n"
        with pytest.raises(JournalError, match="in use by another process"):
            asyncio.run(FileJournal(tmp_path).open())
        process.kill()
        process.wait(timeout=20)
    assert asyncio.run(reopened(tmp_path, key(1))) == [key(1)]


async def test_a_folder_that_cannot_be_used_is_told(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(JournalError, match="cannot be used: "):
        await FileJournal(tmp_path / "file" / "journal").open()


async def test_a_journal_that_is_not_open_takes_nothing_in(tmp_path: Path) -> None:
    journal = FileJournal(tmp_path)
    with pytest.raises(JournalError, match="not open"):
        await take_in(journal, key(1))
    await journal.open()
    with pytest.raises(JournalError, match="open already"):
        await journal.open()
    assert await take_in(journal, key(1)) == [key(1)]
    await journal.close()
    await journal.close()


@pytest.mark.parametrize("events", [[], [key(1)], [EventKey("a\nb", "c"), EventKey("a", "b\nc")]])
async def test_keys_are_told_apart_exactly(tmp_path: Path, events: Iterable[EventKey]) -> None:
    assert await reopened(tmp_path, *events) == list(events)
