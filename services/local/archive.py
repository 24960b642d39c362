"""A data folder as one file, and a data folder from one: a cold copy of everything that one machine keeps.

A gzipped tar archive with the SHA-256 of each file in its last member. Both ways are whole or not at all: the archive,
or the folder, gets its name once every byte is there and checked. It holds the machine's secrets and keys.
"""

from __future__ import annotations

import hashlib
import io
import json
import os
import shutil
import tarfile
import tempfile
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import IO

from services.local.accounts import account_for
from services.local.faults import PartError
from services.local.folder import MARK, Folder
from services.local.locks import OWNER, SHARED

FORMAT = 1
SUMS = "koikarper-backup.json"
CHUNK = 1024 * 1024
_CLEAN = Path("kafka", "data", ".kafka_cleanshutdown")
_LEFT_OUT = {OWNER, SHARED, "addresses.json", "logs", "koikarper.log", "kafka/tmp", "postgres/postmaster.pid"}
"""What belongs to one run of the machine."""
_MAY_BE_THERE = {OWNER, SHARED}

Progress = Callable[[int], None]


@dataclass(slots=True)
class Content:
    """What an archive holds: files and bytes by the part of the folder."""

    at: str = ""
    files: Counter[str] = field(default_factory=Counter)
    bytes: Counter[str] = field(default_factory=Counter)

    def note(self, name: str, size: int) -> None:
        """One more file."""
        part = name.split("/", 1)[0]
        self.files[part] += 1
        self.bytes[part] += size


def files_of(folder: Path) -> list[Path]:
    """What of a data folder is kept, folders before what is in them."""
    return list(_kept(folder, folder))


def backup(
    path: Path, archive: Path, at: datetime, progress: Progress = lambda _more: None, *, dry_run: bool = False
) -> Content:
    """Write the data folder of a machine that is stopped into `archive`; with `dry_run` only see whether that can be.

    Raises `FolderInUse` while it runs, and `PartError` when there is none, when it was killed and has not been started
    since, or when `archive` is there already.
    """
    if not (path / MARK).is_file():
        raise PartError(f"{path} is no data folder of Koikarper: there is nothing to back up.")
    if archive.exists():
        raise PartError(f"{archive} is there already; an earlier backup is never written over.")
    folder = Folder.open(path)
    try:
        _refuse_killed(folder.path)
        if dry_run:
            return _counted(folder.path, at)
        draft = archive.with_name(f"{archive.name}.new")
        try:
            content = _write(folder.path, draft, at, progress)
            draft.rename(archive)
        finally:
            draft.unlink(missing_ok=True)
    except OSError as error:
        raise PartError(f"{archive} cannot be written: {error}") from error
    finally:
        folder.close()
    return content


def restore(archive: Path, path: Path, progress: Progress = lambda _more: None) -> Content:
    """Make the data folder `path` from `archive`; raises `PartError`, and then nothing of it is left.

    Refused where something is already: it is never written over.
    """
    path = path.expanduser().resolve()
    refuse_full(path)
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        draft = Path(tempfile.mkdtemp(prefix=f".{path.name}.restoring-", dir=path.parent))
        try:
            content = _read(archive, draft, progress)
            _own(draft)
            os.sync()
            _clear(path)
            draft.rename(path)
        finally:
            shutil.rmtree(draft, ignore_errors=True)
    except OSError as error:
        raise PartError(f"{path} cannot be made from {archive}: {error}") from error
    return content


def look(archive: Path, progress: Progress = lambda _more: None) -> Content:
    """What `archive` holds, every checksum compared; raises `PartError` when it is not whole."""
    return _read(archive, None, progress)


def refuse_full(path: Path) -> None:
    """Raise `PartError` when `path` holds something."""
    if path.exists() and (held := sorted({entry.name for entry in path.iterdir()} - _MAY_BE_THERE)):
        raise PartError(
            f"{path} holds {', '.join(held[:3])}: a backup is restored into a folder that is not there yet."
        )


def _refuse_killed(folder: Path) -> None:
    if (folder / "kafka" / "data").is_dir() and not (folder / _CLEAN).exists():
        raise PartError(
            f"The machine on {folder} was not stopped but killed. Start it (koikarper local --data {folder}) and stop "
            "it with Ctrl-C, then back it up."
        )


def _counted(folder: Path, at: datetime) -> Content:
    content = Content(at.isoformat())
    for entry in files_of(folder):
        if entry.is_file():
            content.note(str(entry.relative_to(folder)), entry.stat().st_size)
    return content


def _kept(folder: Path, root: Path) -> Iterator[Path]:
    for entry in sorted(folder.iterdir()):
        if str(entry.relative_to(root)) in _LEFT_OUT:
            continue
        yield entry
        if entry.is_dir() and not entry.is_symlink():
            yield from _kept(entry, root)


def _write(folder: Path, draft: Path, at: datetime, progress: Progress) -> Content:
    content, sums = Content(at.isoformat()), {}
    descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with os.fdopen(descriptor, "wb") as stream:
        with tarfile.open(fileobj=stream, mode="w:gz", compresslevel=1, format=tarfile.PAX_FORMAT) as tar:
            for entry in files_of(folder):
                name = str(entry.relative_to(folder))
                member = tar.gettarinfo(entry, name)
                if member.isreg():
                    with entry.open("rb") as source:
                        summed = _Summed(source)
                        tar.addfile(member, summed)
                    sums[name] = summed.digest.hexdigest()
                    content.note(name, member.size)
                else:
                    tar.addfile(member)
                progress(1)
            body = json.dumps({"format": FORMAT, "at": content.at, "sums": sums}).encode()
            last = tarfile.TarInfo(SUMS)
            last.size = len(body)
            tar.addfile(last, io.BytesIO(body))
        stream.flush()
        os.fsync(stream.fileno())
    return content


def _read(archive: Path, into: Path | None, progress: Progress) -> Content:
    content, sums = Content(), {}
    manifest: dict[str, object] | None = None
    try:
        with tarfile.open(archive, mode="r:gz") as tar:
            for member in tar:
                if member.name == SUMS:
                    manifest = json.loads(_stream(tar, member).read())
                    continue
                if into is not None:
                    tar.extract(member, into, filter="data")
                    if member.isdir():  # the filter leaves a folder open to others, and PostgreSQL refuses such a one
                        (into / member.name).chmod(member.mode & 0o777)
                if member.isreg():
                    sums[member.name] = _sum((into / member.name).open("rb") if into else _stream(tar, member))
                    content.note(member.name, member.size)
                progress(1)
    except (tarfile.TarError, EOFError, ValueError, OSError) as error:
        raise PartError(f"{archive} is no backup of Koikarper, or not all of one: {error}") from error
    _compare(archive, manifest, sums)
    content.at = str(manifest["at"]) if manifest else ""
    return content


def _compare(archive: Path, manifest: dict[str, object] | None, sums: dict[str, str]) -> None:
    if manifest is None or manifest.get("format") != FORMAT:
        raise PartError(f"{archive} is no backup of Koikarper, or not all of one: it has no checksums of this format.")
    if manifest["sums"] != sums:
        raise PartError(f"{archive} was damaged: what is in it is not what was written.")


class _Summed:
    """A file that is read, and summed on the way."""

    def __init__(self, source: IO[bytes]) -> None:
        self._source = source
        self.digest = hashlib.sha256()

    def read(self, size: int = -1) -> bytes:
        """As the file itself."""
        chunk = self._source.read(size)
        self.digest.update(chunk)
        return chunk


def _stream(tar: tarfile.TarFile, member: tarfile.TarInfo) -> IO[bytes]:
    stream = tar.extractfile(member)
    if stream is None:
        raise ValueError(f"{member.name} is no file")
    return stream


def _sum(stream: IO[bytes]) -> str:
    with stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()  # type: ignore[arg-type]  # a tar's member reads alike


def _own(folder: Path) -> None:
    """PostgreSQL's files belong to whom it runs as here; all others to who restores them."""
    cluster = folder / "postgres"
    if not cluster.is_dir():
        return
    account = account_for(folder / "absent")
    for entry in (cluster, *cluster.rglob("*")):
        account.own(entry)


def _clear(path: Path) -> None:
    """Locks that an earlier start left in an otherwise empty folder."""
    if path.exists():
        for name in _MAY_BE_THERE:
            (path / name).unlink(missing_ok=True)
        path.rmdir()
