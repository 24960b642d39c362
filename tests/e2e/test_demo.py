"""The demo lives: teams report, departments answer, and the table shows who waits."""

import subprocess
import sys
import time

import psutil
import pytest

from tests.e2e.conftest import PORTS, ROOT, environment


@pytest.mark.timeout(240)
def test_the_demo_runs_for_the_time_asked_and_leaves_nothing_behind(tmp_path):
    command = [sys.executable, "-m", "services.cli", "demo", "--for=30s", f"--data={tmp_path / 'data'}", *PORTS]
    with subprocess.Popen(
        command, cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=environment()
    ) as demo:
        time.sleep(20)
        family = psutil.Process(demo.pid).children(recursive=True)
        output, errors = demo.communicate(timeout=180)
    assert demo.returncode == 0, errors
    assert "The first assignment was acknowledged" in errors
    assert "wie wacht hoe lang" in output
    assert "Vergunningen" in output
    assert len(family) >= 3
    assert psutil.wait_procs(family, timeout=25)[1] == []
