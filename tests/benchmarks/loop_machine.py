"""`koikarper local` for the measurements of the whole loop: deaf to the terminal's Ctrl-C, its log kept."""

import json
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tests.benchmarks.commands import PORTS, ROOT, command, environment
from tests.benchmarks.loop_town import TOWN

STOP_SECONDS = 90


class Machine:
    """A running machine: its addresses, its process, and the agreements it runs on."""

    def __init__(self, process: "subprocess.Popen[str]", found: dict[str, str], agreements: Path, log: Path) -> None:
        self.process = process
        self.found = found
        self.agreements = agreements
        self._log = log

    def check(self) -> None:
        """Raise when it ended by itself, with the last that it said."""
        if self.process.poll() is not None:
            raise RuntimeError(f"koikarper local ended ({self.process.returncode}): {_tail(self._log)}")


@contextmanager
def machine(folder: Path) -> Iterator[Machine]:
    """Start it as a user does, on any free ports, and stop it as a user does."""
    folder.mkdir(parents=True, exist_ok=True)
    agreements, log = folder / "agreements.yaml", folder / "said.log"
    agreements.write_text(TOWN)
    with log.open("w") as said:
        process = subprocess.Popen(
            command("local", "--json", f"--agreements={agreements}", f"--data={folder / 'data'}", *PORTS),
            cwd=ROOT,
            env=environment(),
            stdout=subprocess.PIPE,
            stderr=said,
            text=True,
            start_new_session=True,
        )
    try:
        line = process.stdout.readline() if process.stdout else ""
        if not line:
            raise RuntimeError(f"koikarper local did not start: {_tail(log)}")
        yield Machine(process, json.loads(line), agreements, log)
    finally:
        process.terminate()
        try:
            process.wait(timeout=STOP_SECONDS)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
        if process.stdout:
            process.stdout.close()


def _tail(log: Path) -> str:
    return log.read_text(errors="replace")[-2000:].strip() or "(it said nothing)"
