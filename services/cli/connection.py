"""How a command finds the gateway and speaks for somebody: options, the environment, or the machine on this folder."""

from contextlib import AbstractContextManager
from pathlib import Path
from typing import Annotated

import typer

from services.cli.output import fail
from services.department.client import Client, gateway_url
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
