"""As whom PostgreSQL runs: it refuses to run as root."""

from __future__ import annotations

import os
import pwd
import sys
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from services.local.faults import PartError

_NOBODY = "nobody"
_HERE = "/proc/self/cwd"


@dataclass(frozen=True)
class Account:
    """The user to run as. `arguments` are what `subprocess` needs for it: none for the present user."""

    user: int
    group: int
    other: bool
    arguments: Mapping[str, Any] = field(default_factory=dict)

    def path(self, working: Path) -> str:
        """How a program of this account that works in `working` names that folder.

        Another user may not be able to walk to it (it can lie in `/root`). The working directory is entered before
        root becomes that user, and Linux names it without walking.
        """
        return _HERE if self.other else str(working)

    def own(self, path: Path) -> None:
        """Give a folder to this account."""
        if self.other:
            os.chown(path, self.user, self.group)


def account_for(data: Path) -> Account:
    """The present user; for root the owner of the data, or `nobody` when there are none. Raises `PartError`."""
    if os.geteuid() != 0:
        return _present()
    if sys.platform != "linux":
        raise PartError("PostgreSQL does not run as root on this system. Start as an ordinary user.")
    entry = _entry(data.stat().st_uid) if data.exists() else pwd.getpwnam(_NOBODY)
    user, group = entry.pw_uid, entry.pw_gid
    return Account(user, group, other=True, arguments={"user": user, "group": group, "extra_groups": []})


def _present() -> Account:
    return Account(_entry(os.geteuid()).pw_uid, os.getegid(), other=False)


def _entry(user: int) -> pwd.struct_passwd:
    try:
        return pwd.getpwuid(user)
    except KeyError:
        raise PartError(
            f"User number {user} has no name on this machine, and PostgreSQL's initdb needs one. Add a line for it to "
            "/etc/passwd, or start as another user."
        ) from None
