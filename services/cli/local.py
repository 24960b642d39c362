"""`koikarper local` and `koikarper demo`: everything on this machine."""

import asyncio
import contextlib
import re
import shlex
import shutil
import signal
import sys
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
import uvloop
from rich.console import Console

from services.cli.output import WRONG_USE, errors, fail, print_json, told
from services.local.addresses import DEFAULT_FOLDER, Addresses

if TYPE_CHECKING:
    from services.local.demo.chronicle import Chronicle
    from services.local.machine import Machine, Options

NAME = "koikarper"
PORT_MAX = 65535
AgreementsOption = Annotated[Path, typer.Option(help="The agreements file: who answers what, by when.")]
DataOption = Annotated[Path, typer.Option(help="The folder that keeps the data between starts.")]
GatewayPort = Annotated[int, typer.Option(min=0, max=PORT_MAX, help="The gateway's port; 0 is any free port.")]
MetricsPort = Annotated[
    int, typer.Option(min=0, max=PORT_MAX, help="The port of health and metrics; 0 is any free port.")
]
KafkaPort = Annotated[int, typer.Option(min=0, max=PORT_MAX, help="Kafka's port; 0 is any free port.")]
DatabasePort = Annotated[int, typer.Option(min=0, max=PORT_MAX, help="PostgreSQL's port; 0 is any free port.")]
PLAIN_WIDTH = 120
"""Columns of the demo's table where the output is no terminal."""
DEFAULT_AGREEMENTS = Path(__file__).parents[2] / "deploy" / "agreements.yaml"
"""The demo town."""
JsonOption = Annotated[bool, typer.Option("--json", help="Print one line of JSON for programs.")]


def register(app: typer.Typer) -> None:
    """Add the commands."""
    app.command()(local)
    app.command()(demo)


def local(
    agreements: AgreementsOption = DEFAULT_AGREEMENTS,
    data: DataOption = DEFAULT_FOLDER,
    gateway_port: GatewayPort = 8080,
    metrics_port: MetricsPort = 9464,
    kafka_port: KafkaPort = 9092,
    database_port: DatabasePort = 5432,
    json: JsonOption = False,
) -> None:
    """Run everything on this machine: Kafka, PostgreSQL, migrations, topics and every service, until Ctrl-C."""
    from services.local.machine import Options  # noqa: PLC0415 - with every service in it, it takes two seconds to import

    options = Options(agreements, data, gateway_port, metrics_port, kafka_port, database_port)

    async def until_stopped(machine: "Machine", found: Addresses, stopped: asyncio.Event) -> None:
        if json:
            print_json(found.public())
        else:
            show_addresses(found, data)
        await _stopped_or_died(machine, stopped)

    run_machine(options, until_stopped)


def demo(
    agreements: AgreementsOption = DEFAULT_AGREEMENTS,
    data: DataOption = DEFAULT_FOLDER,
    gateway_port: GatewayPort = 8080,
    metrics_port: MetricsPort = 9464,
    kafka_port: KafkaPort = 9092,
    database_port: DatabasePort = 5432,
    for_: Annotated[str, typer.Option("--for", help="How long, as in 60s or 5m; default: until Ctrl-C.")] = "",
) -> None:
    """Watch the loop live: a town whose teams report and whose departments answer, each in its own way."""
    from services.local.demo.chronicle import Chronicle  # noqa: PLC0415 - as above
    from services.local.demo.show import Demo  # noqa: PLC0415 - as above
    from services.local.machine import Options  # noqa: PLC0415 - as above

    seconds = span(for_) if for_ else None
    options = Options(agreements, data, gateway_port, metrics_port, kafka_port, database_port)
    chronicle = Chronicle()

    async def live(machine: "Machine", found: Addresses, stopped: asyncio.Event) -> None:
        show_addresses(found, data)
        town = Demo(machine.settings, found, data, chronicle)
        console = Console(highlight=False, width=None if sys.stdout.isatty() else PLAIN_WIDTH)
        living = asyncio.create_task(town.run(stopped, console))
        telling = asyncio.create_task(_tell_first(chronicle))
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                await _stopped_or_died(machine, stopped, living)
        stopped.set()
        telling.cancel()
        await living

    run_machine(options, live)


async def _tell_first(chronicle: "Chronicle") -> None:
    await chronicle.first_acknowledged.wait()
    errors().print(f"The first assignment was acknowledged {chronicle.seconds_to_first:.1f} s after the start.")


def span(text: str) -> float:
    """Seconds of a span such as `90`, `60s`, `5m` or `1h`; ends the command when it is none."""
    match = re.fullmatch(r"(\d+(?:\.\d+)?)([smh]?)", text)
    if match is None:
        fail(f"{text!r} is no span; write 60s, 5m or 1h", WRONG_USE)
    return float(match[1]) * {"": 1, "s": 1, "m": 60, "h": 3600}[match[2]]


def run_machine(options: "Options", live: Callable[["Machine", Addresses, asyncio.Event], Awaitable[None]]) -> None:
    """Start a machine, let `live` run on it, and stop it cleanly, also on SIGTERM and Ctrl-C."""
    with told():
        uvloop.run(_run_machine(options, live))


async def _run_machine(
    options: "Options", live: Callable[["Machine", Addresses, asyncio.Event], Awaitable[None]]
) -> None:
    from services.local.machine import Machine  # noqa: PLC0415 - as above

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


async def _stopped_or_died(machine: "Machine", stopped: asyncio.Event, *others: asyncio.Task[None]) -> None:
    """Return when asked to stop; end the command when a part or a service cannot go on."""
    waiting = asyncio.create_task(stopped.wait())
    deaths: list[asyncio.Future[Any]] = [machine.parts.died, *others]
    if machine.running is not None:
        deaths.append(machine.running.died)
    try:
        await asyncio.wait({waiting, *deaths}, return_when=asyncio.FIRST_COMPLETED)
    finally:
        waiting.cancel()
    if machine.parts.died.done():
        fail(str(machine.parts.died.result()))
    for death in deaths[1:]:
        if death.done():
            death.result()


def show_addresses(found: Addresses, folder: Path) -> None:
    """Where everything is, and what to try by hand: commands that work as they stand, in this shell's folder."""
    command, there = _command(), _there(folder)
    typer.echo(
        f"""Koikarper is ready.
  gateway   {found.gateway}   (documentation: {found.gateway}/v1/openapi.json)
  metrics   {found.metrics}
  kafka     {found.kafka}
  database  PostgreSQL, address and password in {folder / "addresses.json"}
  keys      {found.jwks}

Try, in another terminal:
  {command} emit initiative-blocked --team noord --neighbourhood WK999901 --title "Koi in the pond" \\
    initiative="A pond with koi" blockedBy=permit{there}
  {command} inbox permits{there}
  {command} waits{there}
Ctrl-C stops it; the next start goes on where it stopped."""
    )


def _command() -> str:
    """How this program is called here: by its name, or by its path where the shell does not find the name."""
    called = sys.argv[0]
    return shlex.quote(called) if Path(called).name == NAME and shutil.which(NAME) is None else NAME


def _there(folder: Path) -> str:
    """The option that names the data folder, where it is not the one that every command looks in by itself."""
    return "" if folder == DEFAULT_FOLDER else f" --data-folder {shlex.quote(str(folder))}"
