"""`koikarper backup` and `koikarper restore`: all that one machine keeps as one file, and back."""

from pathlib import Path
from typing import Annotated

import typer

from services.cli.connection import DataOption
from services.cli.output import print_json, print_table, told
from services.cli.upkeep import ByOption, DryRunOption, JsonOption, log_act, operator, progress
from services.local import archive
from services.local.addresses import DEFAULT_FOLDER
from services.local.archive import Content
from services.runtime import settings as runtime
from services.runtime.clock import now
from services.runtime.logging import configure

ToArgument = Annotated[Path, typer.Argument(metavar="FILE", help="The file to write, as in town.tar.gz.")]
FromArgument = Annotated[
    Path, typer.Argument(metavar="FILE", help="What `koikarper backup` wrote.", exists=True, dir_okay=False)
]


def register(app: typer.Typer) -> None:
    """Add the commands."""
    app.command()(backup)
    app.command()(restore)


def backup(
    file: ToArgument,
    folder: DataOption = DEFAULT_FOLDER,
    by: ByOption = "",
    dry_run: DryRunOption = False,
    json: JsonOption = False,
) -> None:
    """Keep all of a stopped `koikarper local` (Kafka, PostgreSQL, keys and secrets) in one file.

    It holds what people wrote, and the machine's secrets: keep it where only its owner can read it.

    A town with a Kafka and a PostgreSQL of its own makes backups with their means: see deploy/runbook.md.
    """
    with told():
        configure(runtime.load())
        files = archive.files_of(folder) if folder.is_dir() else []
        with progress("Files", len(files)) as step:
            content = archive.backup(folder, file, now(), step, dry_run=dry_run)
    if not dry_run:
        log_act("backup", str(file), operator(by), files=content.files.total(), bytes=content.bytes.total())
    _tell(content, json, "would be kept" if dry_run else f"kept in {file}", dry_run)


def restore(
    file: FromArgument,
    folder: DataOption = DEFAULT_FOLDER,
    by: ByOption = "",
    dry_run: DryRunOption = False,
    json: JsonOption = False,
) -> None:
    """Make the data folder of a `koikarper local` from a backup, into a folder that holds nothing.

    `--dry-run` reads the whole file, compares every checksum, and says what is in it.
    """
    with told():
        configure(runtime.load())
        archive.refuse_full(folder)
        with progress("Files", 0) as step:
            content = archive.look(file, step) if dry_run else archive.restore(file, folder, step)
    if not dry_run:
        log_act("restore", str(folder), operator(by), files=content.files.total(), made=content.at)
    _tell(content, json, f"in {file} of {content.at}" if dry_run else f"restored to {folder}", dry_run)


def _tell(content: Content, json: bool, what: str, dry_run: bool) -> None:
    if json:
        parts = {part: {"files": content.files[part], "bytes": content.bytes[part]} for part in content.files}
        print_json({"dryRun": dry_run, "at": content.at, "parts": parts})
        return
    rows = [(part, content.files[part], f"{content.bytes[part] / 1e6:,.1f}") for part in sorted(content.files)]
    print_table("Backup", ("part", "files", "MB"), rows, "There is nothing.")
    typer.echo(f"{content.files.total()} files, {content.bytes.total() / 1e6:,.1f} MB: {what}.")
