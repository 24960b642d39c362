"""The life of a signal and of its assignments, as tables that can be read in one look (contract 2)."""

from typing import Literal, get_args

from events.outcomes import RefusalCode
from services.ledger.state import AssignmentState, SignalState

DepartmentVerb = Literal["acknowledged", "handed-over", "extended", "resolved"]
TeamVerb = Literal["confirmed", "contested", "withdrawn", "contact-recorded"]

ASSIGNMENT: dict[AssignmentState, dict[DepartmentVerb, AssignmentState | RefusalCode]] = {
    "waiting": {
        "acknowledged": "acknowledged",
        "handed-over": "handed-over",
        "extended": "waiting",
        "resolved": "resolved",
    },
    "acknowledged": {
        "acknowledged": "acknowledged",
        "handed-over": "handed-over",
        "extended": "acknowledged",
        "resolved": "resolved",
    },
    "resolved": dict.fromkeys(get_args(DepartmentVerb), "already-resolved"),
    "closed": dict.fromkeys(get_args(DepartmentVerb), "already-closed"),
    "handed-over": dict.fromkeys(get_args(DepartmentVerb), "already-handed-over"),
}
"""What a department's answer does to its assignment: the next state, or the code with which it is refused.

A repeat of what already holds is looked for first and changes nothing.
"""

SIGNAL: dict[SignalState, dict[TeamVerb, SignalState | RefusalCode]] = {
    "open": {
        "confirmed": "not-resolved-yet",
        "contested": "open",
        "withdrawn": "closed",
        "contact-recorded": "open",
    },
    "resolved": {
        "confirmed": "closed",
        "contested": "open",
        "withdrawn": "closed",
        "contact-recorded": "resolved",
    },
    "closed": {
        "confirmed": "already-closed",
        "contested": "already-closed",  # save one closed as unconfirmed, within its days
        "withdrawn": "already-closed",
        "contact-recorded": "closed",
    },
}
"""What a team's answer does to its signal."""
