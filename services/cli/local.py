"""`koikarper local` and `koikarper demo`: everything on this machine."""

import asyncio
import signal
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Annotated

import typer
import uvloop

from services.cli.output import errors, fail, print_json, told
from services.local.addresses import DEFAULT_FOLDER, Addresses
from services.local.machine import Machine, Options

AgreementsOption = Annotated[Path, typer.Option(help="The agreements file: who answers what, by when.")]
DataOption = Annotated[Path, typer.Option(help="The folder that keeps the data between starts.")]
GatewayPort = Annotated[int, typer.Option(help="The gateway's port; 0 is any free port.")]
MetricsPort = Annotated[int, typer.Option(help="The port of health and metrics; 0 is any free port.")]
KafkaPort = Annotated[int, typer.Option(help="Kafka's port; 0 is any free port.")]
DatabasePort = Annotated[int, typer.Option(help="PostgreSQL's port; 0 is any free port.")]
JsonOption = Annotated[bool, typer.Option("--json", help="Print one line of JSON for programs.")]


def register(app: typer.Typer) -> None:
    """Add the commands."""
    app.command()(local)


def local(
    agreements: AgreementsOption = Path("deploy/agreements.yaml"),
    data: DataOption = DEFAULT_FOLDER,
    gateway_port: GatewayPort = 8080,
    metrics_port: MetricsPort = 9464,
    kafka_port: KafkaPort = 9092,
    database_port: DatabasePort = 5432,
    json: JsonOption = False,
) -> None:
    """Run everything on this machine: Kafka, PostgreSQL, migrations, topics and every service, until Ctrl-C."""
    options = Options(agreements, data, gateway_port, metrics_port, kafka_port, database_port)

    async def until_stopped(machine: Machine, found: Addresses, stopped: asyncio.Event) -> None:
        if json:
            print_json(found.public())
        else:
            show_addresses(found, data)
        await _stopped_or_died(machine, stopped)

    run_machine(options, until_stopped)


def run_machine(options: Options, live: Callable[[Machine, Addresses, asyncio.Event], Awaitable[None]]) -> None:
    """Start a machine, let `live` run on it, and stop it cleanly, also on SIGTERM and Ctrl-C."""
    with told():
        uvloop.run(_run_machine(options, live))


async def _run_machine(options: Options, live: Callable[[Machine, Addresses, asyncio.Event], Awaitable[None]]) -> None:
    console = errors()
    stopped = asyncio.Event()
    machine = Machine(options, lambda line: console.print(line, style="dim", markup=False))
    starting = asyncio.create_task(machine.start())
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, _stop, stopped, starting)
    try:
        await live(machine, await starting, stopped)
    except asyncio.CancelledError:
        if not stopped.is_set():
            raise
    finally:
        console.print("Stopping", style="dim")
        await machine.stop()


def _stop(stopped: asyncio.Event, starting: asyncio.Task[Addresses]) -> None:
    stopped.set()
    starting.cancel()  # nothing happens when the start is done


async def _stopped_or_died(machine: Machine, stopped: asyncio.Event) -> None:
    waiting = asyncio.create_task(stopped.wait())
    await asyncio.wait({waiting, machine.parts.died}, return_when=asyncio.FIRST_COMPLETED)
    if machine.parts.died.done():
        waiting.cancel()
        fail(str(machine.parts.died.result()))


def show_addresses(found: Addresses, folder: Path) -> None:
    """Where everything is, and what to try by hand."""
    typer.echo(
        f"""Koikarper is ready.
  gateway   {found.gateway}   (documentation: {found.gateway}/v1/openapi.json)
  metrics   {found.metrics}
  kafka     {found.kafka}
  database  PostgreSQL, address and password in {folder / "addresses.json"}
  keys      {found.jwks}

Try, in another terminal:
  koikarper emit initiative-blocked --team noord --neighbourhood BU99990101 --title "Koi in the pond"
  koikarper inbox permits
  koikarper waits
Ctrl-C stops it; the next start goes on where it stopped."""
    )
