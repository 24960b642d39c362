"""`python -m tests.faults`: run seeds one after another, and say what each was; 1 when one has an anomaly."""

from __future__ import annotations

import argparse
import asyncio
import sys
from pathlib import Path

from tests.faults import plan
from tests.faults.broken import BUILDS
from tests.faults.suite import Options, Suite


def main() -> int:
    """Read the options and run; the exit code."""
    parser = argparse.ArgumentParser(prog="python -m tests.faults", description=__doc__)
    parser.add_argument("--seeds", type=int, default=10, help="how many seeds to run (default 10)")
    parser.add_argument("--minutes", type=float, default=60, help="begin no further seed after so many minutes")
    parser.add_argument("--every", action="store_true", help="begin no further seed once each kind of fault was in one")
    parser.add_argument("--jobs", type=int, default=1, help="how many seeds at once, each on parts of its own")
    parser.add_argument("--seed", type=int, action="append", help="run this very seed; may be given again")
    parser.add_argument("--fault", action="append", choices=plan.FAULTS, help="only this kind; may be given again")
    parser.add_argument("--broken", choices=sorted(BUILDS), help="run a build that is broken on purpose")
    parser.add_argument("--poison", type=float, help="this share of records cannot be read, whatever the seed says")
    parser.add_argument("--unreachable", type=float, default=3, help="seconds for which a part is unreachable")
    parser.add_argument("--folder", type=Path, help="where logs and the histories of anomalies go")
    parser.add_argument("--json", type=Path, help="append one line a seed, and figures at the end, to this file")
    options = parser.parse_args()
    return asyncio.run(Suite(Options(**vars(options))).run())


if __name__ == "__main__":
    sys.exit(main())
