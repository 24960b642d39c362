"""The whole circuit in one process, composed as `koikarper local` does: ledger, relay, and a department that answers.

Run by `whole.py` with the settings of a town, and the folder of the department's journal as its argument.
"""

import sys
from collections.abc import Sequence
from pathlib import Path

from services.department.file_journal import FileJournal
from services.department.kit import Assignment, Contact, Department, Desk
from services.ledger import app as ledger
from services.relay import app as relay
from services.runtime.service import Service, main
from services.runtime.settings import Settings, load

AT_ONCE = 100


def build(settings: Settings) -> Sequence[Service]:
    """The services; the department acknowledges whatever comes."""
    permits = Department(
        settings, "permits", source="urn:permits", journal=FileJournal(Path(sys.argv[1])), at_once=AT_ONCE
    )

    @permits.assigned
    async def take_in(_assignment: Assignment, desk: Desk) -> None:
        await desk.acknowledge(contact=Contact(role="clerk", reach="14 020"), by="clerk")

    return [ledger.build(settings), relay.build(settings), permits]


if __name__ == "__main__":
    main(build, load())
