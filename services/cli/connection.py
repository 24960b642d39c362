"""How a command finds the gateway and speaks for somebody: options, the environment, or the machine on this folder."""

from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path
from typing import Annotated

import typer

from services.cli.output import FAILED, WRONG_USE, fail, print_json
from services.department.client import Client, GatewayError, gateway_url
from services.local import addresses, keys

GatewayOption = Annotated[
    str, typer.Option(envvar="KOIKARPER_GATEWAY", help="The gateway's address; default: the machine on this folder.")
]
TokenOption = Annotated[
    str, typer.Option(envvar="KOIKARPER_TOKEN", help="Who you are; default: a token of this machine's own keys.")
]
DataOption = Annotated[Path, typer.Option("--data-folder", help="The data folder of the machine on this computer.")]


def connect(gateway: str, token: str, folder: Path, subject: str) -> AbstractContextManager[Client]:
    """A client of the gateway that speaks as `subject` (`team:CODE`, `department:CODE` or `operator`)."""
    found = addresses.read(folder)
    url = gateway or (found.gateway if found else gateway_url())
    return Client(url, token or token_for(folder, subject))


def token_for(folder: Path, subject: str) -> str:
    """A token of the keys on this folder; ends the command with a clear line where there are none."""
    try:
        return keys.token(folder, subject)
    except FileNotFoundError:
        fail(
            f"{folder} holds no keys of a machine. Start `koikarper local` first, name its folder with --data-folder, "
            "or give a token with --token or KOIKARPER_TOKEN."
        )


@contextmanager
def refusals_told(json: bool) -> Iterator[None]:
    """A refusal by the gateway ends the command: 1 when it cannot be, 2 when what was said has a mistake."""
    try:
        yield
    except GatewayError as error:
        if json:
            print_json(error.problem or {"detail": str(error)})
        fail(str(error), WRONG_USE if error.status == 400 else FAILED)  # noqa: PLR2004 - HTTP's bad request
