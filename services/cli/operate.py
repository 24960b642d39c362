"""What operations run: services one by one, migrations, topics, and the check of the agreements."""

import asyncio
from collections.abc import Callable
from importlib import import_module
from pathlib import Path
from typing import Annotated

import typer
import uvloop

from services.agreements.loading import AgreementsError, load
from services.agreements.topics import topics
from services.cli.output import FAILED, WRONG_USE, errors, fail, print_json, told
from services.ledger.migrations import migrate
from services.runtime import settings as runtime_settings
from services.runtime.service import Service, run
from services.runtime.settings import Settings
from services.runtime.topics import ensure

SERVICES = ("ledger", "relay", "timekeeper", "gateway", "metrics", "canary")

JsonOption = Annotated[bool, typer.Option("--json", help="Print JSON for programs.")]


def register(app: typer.Typer) -> None:
    """Add the commands."""
    app.command("run")(run_services)
    app.command("migrate")(migrate_database)
    app.command("topics")(ensure_topics)
    app.command("check")(check)


def run_services(services: Annotated[list[str], typer.Argument(help=f"One or more of {', '.join(SERVICES)}.")]) -> None:
    """Run services in this process until SIGTERM, with the settings of the environment."""
    unknown = [name for name in services if name not in SERVICES]
    if unknown:
        fail(f"There is no service {', '.join(unknown)}; there are {', '.join(SERVICES)}.", WRONG_USE)
    with told():
        settings = runtime_settings.load()
        uvloop.run(run([builder(name)(settings) for name in dict.fromkeys(services)], settings))


def builder(name: str) -> Callable[[Settings], Service]:
    """The `build` of a service; only what runs is imported."""
    build: Callable[[Settings], Service] = import_module(f"services.{name}.app").build
    return build


def migrate_database() -> None:
    """Bring the database's schema to the newest version; safe to repeat."""
    with told():
        settings = runtime_settings.load()
        version = asyncio.run(migrate(settings))
        typer.echo(f"The schema {settings.database_schema} is at version {version}.")


def ensure_topics(json: JsonOption = False) -> None:
    """Create the topics that the agreements ask for, and check those that exist; exit code 1 when one differs."""
    with told():
        settings = runtime_settings.load()
        report = asyncio.run(ensure(settings, topics(load(settings.agreements))))
    if json:
        print_json({"created": report.created, "differences": report.differences})
    else:
        typer.echo(f"{len(report.created)} topics created, {len(report.differences)} differences.")
        for line in report.differences:
            typer.echo(f"  {line}")
    if report.differences:
        raise typer.Exit(FAILED)


def check(file: Annotated[Path, typer.Argument(help="The agreements file.")], json: JsonOption = False) -> None:
    """Check an agreements file whole: every error with its line and column."""
    try:
        agreements = load(file)
    except AgreementsError as error:
        problems = [{"line": item.line, "column": item.column, "message": item.message} for item in error.problems]
        if json:
            print_json({"file": str(file), "problems": problems})
        else:
            for item in error.problems:
                errors().print(f"{file}:{item.line}:{item.column}: {item.message}", markup=False)
        raise typer.Exit(FAILED) from None
    counts = {
        name: len(getattr(agreements, name)) for name in ("departments", "teams", "promises", "ladders", "routes")
    }
    if json:
        print_json({"file": str(file), "version": agreements.version, "problems": [], **counts})
        return
    listed = ", ".join(f"{count} {name}" for name, count in counts.items())
    typer.echo(f"{file} is right: {listed}; version {agreements.version[:12]}.")
