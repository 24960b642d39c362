"""`koikarper secrets`: what the stack of docker-compose.yml keeps secret, made once, each in a file of its own."""

import secrets as random
from pathlib import Path
from typing import Annotated

import typer

from services.cli.output import fail
from services.local import keys
from services.local.folder import write_whole
from services.local.roles import ROLE

BYTES = 24
READABLE = 0o444
"""A container reads its secret as another user than who made it; the folder itself is closed to everybody else."""
PASSWORDS = ("owner-password", "services-password", "grafana-password")
DATABASES = {"database-owner": ("koikarper", "owner-password"), "database": (ROLE, "services-password")}
"""As which role with which password each of these connects: who migrates owns the tables, and the services do not."""

FolderArgument = Annotated[Path, typer.Argument(metavar="FOLDER", help="Where they go; made where needed.")]
HostOption = Annotated[str, typer.Option(help="The database's host and port, as the services know it.")]


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command("secrets")(make)


def make(folder: FolderArgument, database_host: HostOption = "postgresql:5432") -> None:
    """Make the passwords and the keys of a stack; what is there already stays as it is.

    The canary's token is good for a year: take `keys/canary-token` away, say this again, and restart the canary.
    """
    try:
        made = _make(folder, database_host)
    except OSError as error:
        fail(f"{error.filename or folder} cannot be made: {error.strerror}.")
    for name in made:
        typer.echo(f"made {folder / name}")
    if not made:
        typer.echo(f"{folder} has them all; none was changed.")


def _make(folder: Path, database_host: str) -> list[str]:
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    folder.chmod(0o700)
    made = [name for name in PASSWORDS if _once(folder / name, _password())]
    for name, (role, secret) in DATABASES.items():
        password = (folder / secret).read_text("ascii")
        if _once(folder / name, f"postgresql://{role}:{password}@{database_host}/koikarper"):
            made.append(name)
    for name, make_it in ((keys.PUBLIC, keys.jwks), (keys.CANARY_TOKEN, keys.canary_token)):
        file = folder / "keys" / name
        if not file.exists():
            make_it(folder)
            made.append(str(file.relative_to(folder)))
        file.chmod(READABLE)  # also of one that an earlier run wrote and did not live to open
    return made


def _once(file: Path, text: str) -> bool:
    """Whether it was made now: a password that PostgreSQL already has must not change under it."""
    if file.exists():
        return False
    write_whole(file, text, READABLE)
    return True


def _password() -> str:
    return random.token_urlsafe(BYTES)
