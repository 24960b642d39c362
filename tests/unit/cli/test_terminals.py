"""A terminal that cannot show every sign is told what it can show."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[3]
AGREEMENTS = ROOT / "deploy" / "agreements.yaml"


@pytest.mark.parametrize("encoding", ["latin-1", "utf-8"])
def test_a_sign_that_the_terminal_does_not_know_ends_no_command(tmp_path: Path, encoding: str) -> None:
    file = tmp_path / "caf\u00e9 \u6f22.yaml"
    file.write_bytes(AGREEMENTS.read_bytes())
    done = subprocess.run(
        [sys.executable, "-m", "services.cli", "check", str(file)],
        env={**os.environ, "PYTHONIOENCODING": encoding, "PYTHONUTF8": "1"},
        cwd=ROOT,
        capture_output=True,
        check=False,
    )
    assert (done.returncode, done.stderr) == (0, b"")
    assert f"{file} is right".encode(encoding, errors="backslashreplace") in done.stdout
