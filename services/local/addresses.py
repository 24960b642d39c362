"""Where the services of one machine listen now: written when they are ready, so that other commands find them."""

import json
from dataclasses import asdict, dataclass
from pathlib import Path

from services.local.folder import write_whole

FILE = "addresses.json"
DEFAULT_FOLDER = Path(".koikarper")


@dataclass(frozen=True, slots=True)
class Addresses:
    """The addresses of a running machine; `database` holds a password, so the file is its owner's only."""

    gateway: str
    metrics: str
    kafka: str
    database: str
    jwks: str
    source: str  # the `source` of what a sender says through the gateway

    def save(self, folder: Path) -> None:
        """Write them into the data folder."""
        write_whole(folder / FILE, json.dumps(asdict(self)))

    def public(self) -> dict[str, str]:
        """What `--json` prints (contract 6)."""
        return {name: value for name, value in asdict(self).items() if name != "source"}


def read(folder: Path) -> Addresses | None:
    """The addresses of the machine that last ran on this folder; None when none has, or it was stopped."""
    try:
        return Addresses(**json.loads((folder / FILE).read_text()))
    except (OSError, ValueError, TypeError):
        return None


def forget(folder: Path) -> None:
    """Take them back: the machine stops."""
    (folder / FILE).unlink(missing_ok=True)
