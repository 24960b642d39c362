"""The tables of `transitions` as Markdown, for the README beside this file: every state with every happening."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, get_args

from services.ledger import transitions
from services.ledger.state import AssignmentState, SignalState
from services.ledger.transitions import DepartmentVerb, MomentName, TeamVerb

BEGIN = "<!-- begin of what `koikarper export lifecycle` writes; do not edit -->"
END = "<!-- end of what `koikarper export lifecycle` writes -->"
NEVER = "–"  # noqa: RUF001 - a dash in a table
"""In a cell: this does not come in this state, or it does nothing."""

RETIRED = "the department is retired"
_HAND_OVER = "refused with `unknown-department` (nobody, retired, or itself) or `too-many-hand-overs`"
_EXTENSION = "refused with `too-late`, `date-in-the-past`, `too-many-extensions` or `too-far` outside what is promised"
NOTES: Mapping[tuple[str, str, str], str] = {
    ("assignment", "handed-over", "waiting"): _HAND_OVER,
    ("assignment", "handed-over", "acknowledged"): _HAND_OVER,
    ("assignment", "extended", "waiting"): _EXTENSION,
    ("assignment", "extended", "acknowledged"): _EXTENSION,
    ("assignment", "confirmed", "resolved"): "refused with `not-resolved-yet` while another assignment is open",
    ("assignment", "contested", "acknowledged"): "one that was contested before is so already: that changes nothing",
    ("assignment", "contested", "closed"): "one closed as `unconfirmed` is open again (`acknowledged`), for 90 days",
    ("signal", "resolved", "open"): "still `open` while another assignment is",
    ("signal", "contested", "open"): "refused with `not-resolved-yet` when none of its assignments is resolved",
    ("signal", "contested", "closed"): "one closed as `unconfirmed` is open again, for 90 days",
}
"""Where a cell is not the whole story: by table, happening and state."""

Cells = Mapping[str, Mapping[str, str]]
"""For each state what each happening leads to; a happening that is not named leads nowhere."""


def tables() -> str:
    """Both tables in Markdown, with what a cell says."""
    return "\n\n".join(
        [LEGEND, *_table("assignment", get_args(AssignmentState)), *_table("signal", get_args(SignalState))]
    )


LEGEND = (
    "A cell names the next state, or the code with which an answer is refused. "
    f"`{NEVER}` stands where a moment does not come in that state, or has no effect. "
    "A repeat of what already holds (same type and assignment, equal `outcome`, `to` or `until`) changes nothing and "
    "is never refused. Before an answer is applied, every moment that lies before it has passed."
)


def written_into(readme: str) -> str:
    """The README with the tables between its two marks; ValueError when it lacks one of them."""
    before, begin, rest = readme.partition(BEGIN)
    _, end, after = rest.partition(END)
    if not begin or not end:
        raise ValueError(f"the README has no place for the tables; add these two lines:\n{BEGIN}\n{END}")
    return f"{before}{BEGIN}\n\n{tables()}\n\n{END}{after}"


def cells(table: str) -> Iterator[tuple[str, str, Mapping[str, str]]]:
    """Each row: what kind of happening, which, and what it leads to by state; absent where it does nothing."""
    for kind, names, found in _SECTIONS[table]:
        for name in names:
            yield kind, name, {state: row[name] for state, row in found.items() if name in row}


def _table(table: str, states: Sequence[str]) -> Iterator[str]:
    notes: list[str] = []
    lines = [f"| {' | '.join(['happening', *states])} |", "|---" * (len(states) + 1) + "|"]
    for kind, name, leads in cells(table):
        row = [_cell(leads.get(state), states) + _mark(notes, NOTES.get((table, name, state))) for state in states]
        lines.append(f"| {' | '.join([f'{kind} {name}'.strip(), *row])} |")
    yield f"### {'An' if table == 'assignment' else 'A'} {table}"
    yield "\n".join(lines)
    yield "\n".join(f"{number}. {note}." for number, note in enumerate(notes, 1))


def _cell(leads_to: str | None, states: Sequence[str]) -> str:
    if leads_to is None:
        return NEVER
    return f"**{leads_to}**" if leads_to in states else f"refused: `{leads_to}`"


def _mark(notes: list[str], note: str | None) -> str:
    """The number of the note under the table; it is added there when it is new."""
    if note is None:
        return ""
    if note not in notes:
        notes.append(note)
    return f" ({notes.index(note) + 1})"


def _retired(found: Mapping[Any, str]) -> Cells:
    return {state: {RETIRED: leads_to} for state, leads_to in found.items()}


def _plain(found: Mapping[Any, Mapping[Any, str]]) -> Cells:
    return {state: dict(row) for state, row in found.items()}


_SECTIONS: Mapping[str, Sequence[tuple[str, Sequence[str], Cells]]] = {
    "assignment": (
        ("its department:", get_args(DepartmentVerb), _plain(transitions.ASSIGNMENT)),
        ("the team:", get_args(TeamVerb), _plain(transitions.ASSIGNMENT_BY_TEAM)),
        ("moment:", get_args(MomentName), _plain(transitions.ASSIGNMENT_MOMENTS)),
        ("", (RETIRED,), _retired(transitions.RETIRED)),
    ),
    "signal": (
        ("the team:", get_args(TeamVerb), _plain(transitions.SIGNAL)),
        ("a department:", get_args(DepartmentVerb), _plain(transitions.SIGNAL_BY_DEPARTMENT)),
        ("moment:", get_args(MomentName), _plain(transitions.SIGNAL_MOMENTS)),
        ("", (RETIRED,), _retired(transitions.SIGNAL_RETIRED)),
    ),
}
