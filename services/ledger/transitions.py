"""The life of a signal and of its assignments, as tables that can be read in one look (contract 2).

`koikarper export lifecycle` writes them into `README.md` beside this file.
"""

from typing import Literal, get_args

from events.outcomes import RefusalCode, Stage
from services.ledger.state import Act, AssignmentState, Moment, SignalState

DepartmentVerb = Literal["acknowledged", "handed-over", "extended", "resolved"]
TeamVerb = Literal["confirmed", "contested", "withdrawn", "contact-recorded"]
MomentName = Literal[
    "acknowledge reminder",
    "acknowledge rung",
    "acknowledge deadline",
    "resolve reminder",
    "resolve rung",
    "resolve deadline",
    "silence",  # acknowledged, and no further act for half the resolve term
    "confirm reminder",
    "confirm rung",
    "confirm deadline",
    "close",  # no word from the team for the same term again
]

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

ASSIGNMENT_BY_TEAM: dict[AssignmentState, dict[TeamVerb, AssignmentState | RefusalCode]] = {
    "waiting": {
        "confirmed": "not-resolved-yet",
        "contested": "not-resolved-yet",
        "withdrawn": "closed",
        "contact-recorded": "waiting",
    },
    "acknowledged": {
        "confirmed": "not-resolved-yet",
        "contested": "not-resolved-yet",  # save one that was contested before: that holds already
        "withdrawn": "closed",
        "contact-recorded": "acknowledged",
    },
    "resolved": {
        "confirmed": "closed",  # once every other assignment is resolved too
        "contested": "acknowledged",
        "withdrawn": "closed",
        "contact-recorded": "resolved",
    },
    "closed": {
        "confirmed": "already-closed",
        "contested": "already-closed",  # save one closed as unconfirmed, within its days
        "withdrawn": "already-closed",
        "contact-recorded": "closed",
    },
    "handed-over": {
        "confirmed": "handed-over",
        "contested": "already-handed-over",
        "withdrawn": "handed-over",
        "contact-recorded": "handed-over",
    },
}
"""What a team's answer to the signal does to one assignment of it."""

ASSIGNMENT_MOMENTS: dict[AssignmentState, dict[MomentName, AssignmentState]] = {
    "waiting": {
        "acknowledge reminder": "waiting",
        "acknowledge rung": "waiting",
        "acknowledge deadline": "waiting",
        "resolve reminder": "waiting",
        "resolve rung": "waiting",
        "resolve deadline": "waiting",
    },
    "acknowledged": {
        "resolve reminder": "acknowledged",
        "resolve rung": "acknowledged",
        "resolve deadline": "acknowledged",
        "silence": "acknowledged",
    },
    "resolved": {
        "confirm reminder": "resolved",
        "confirm rung": "resolved",
        "confirm deadline": "resolved",
        "close": "closed",
    },
    "closed": {},
    "handed-over": {},
}
"""What a moment that passes does to an assignment; one that is not named here does not come in that state."""

SIGNAL_BY_DEPARTMENT: dict[SignalState, dict[DepartmentVerb, SignalState | RefusalCode]] = {
    "open": {
        "acknowledged": "open",
        "handed-over": "open",
        "extended": "open",
        "resolved": "resolved",  # once every other assignment is resolved too
    },
    "resolved": dict.fromkeys(get_args(DepartmentVerb), "already-resolved"),
    "closed": dict.fromkeys(get_args(DepartmentVerb), "already-closed"),
}
"""What a department's answer to an assignment that was not handed over does to its signal."""

SIGNAL_MOMENTS: dict[SignalState, dict[MomentName, SignalState]] = {
    "open": {
        "acknowledge reminder": "open",
        "acknowledge rung": "open",
        "acknowledge deadline": "open",
        "resolve reminder": "open",
        "resolve rung": "open",
        "resolve deadline": "open",
        "silence": "open",
    },
    "resolved": {
        "confirm reminder": "resolved",
        "confirm rung": "resolved",
        "confirm deadline": "resolved",
        "close": "closed",
    },
    "closed": {},
}
"""What a moment that passes does to the signal; one that is not named here does not come in that state."""

RETIRED: dict[AssignmentState, AssignmentState] = {"waiting": "handed-over", "acknowledged": "handed-over"}
"""What becomes of an assignment when its department's code is retired; in any other state nothing."""

SIGNAL_RETIRED: dict[SignalState, SignalState] = {"open": "open"}
"""What becomes of its signal."""


def name_of(moment: Moment) -> MomentName:
    """The row of the table to which a moment belongs."""
    return _NAMES[moment.stage, moment.act]


_NAMES: dict[tuple[Stage, Act], MomentName] = {
    ("acknowledge", "remind"): "acknowledge reminder",
    ("acknowledge", "escalate"): "acknowledge rung",
    ("acknowledge", "deadline"): "acknowledge deadline",
    ("resolve", "remind"): "resolve reminder",
    ("resolve", "escalate"): "resolve rung",
    ("resolve", "deadline"): "resolve deadline",
    ("resolve", "silence"): "silence",
    ("confirm", "remind"): "confirm reminder",
    ("confirm", "escalate"): "confirm rung",
    ("confirm", "deadline"): "confirm deadline",
    ("confirm", "close"): "close",
}
