"""The demo lives: teams report, departments answer, and the table shows who waits."""

import re
import subprocess
import sys
import time

import psutil
import pytest

from tests.e2e.conftest import PORTS, ROOT, environment

COUNTED = ("herinnerd", "erbij geroepen", "overgedragen", "verdaagd", "betwist", "door het team bevestigd")


@pytest.mark.timeout(290)
def test_the_demo_shows_the_whole_loop_within_two_minutes_and_leaves_nothing_behind(tmp_path):
    command = [sys.executable, "-m", "services.cli", "demo", "--for=115s", f"--data={tmp_path / 'data'}", *PORTS]
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
    flat = " ".join(output.split())  # a caption may be folded
    shown = {word: max(map(int, re.findall(rf"(\d+) {word}", flat)), default=0) for word in COUNTED}
    assert [word for word, count in shown.items() if count == 0] == []
    assert len(family) >= 3
    assert psutil.wait_procs(family, timeout=25)[1] == []
