"""A department's program that takes in every assignment and does nothing with it: what is measured is the kit alone.

Run by `kit.py` with the settings of a town, and the folder of the journal as its argument.
"""

import sys
from pathlib import Path

from services.department.file_journal import FileJournal
from services.department.kit import Assignment, Department, Desk
from services.runtime.settings import load

if __name__ == "__main__":
    permits = Department(load(), "permits", source="urn:permits", journal=FileJournal(Path(sys.argv[1])))

    @permits.assigned
    async def take_in(_assignment: Assignment, _desk: Desk) -> None:
        """Nothing: a department's own work takes as long as it takes."""

    permits.run()
