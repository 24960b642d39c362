"""What departments (contract 1.2) and teams (1.3) answer."""

from typing import Annotated, Literal, TypeGuard

from pydantic import Field

from events.identifiers import Code, Identifier
from events.moments import Moment
from events.signals import Data, Rule
from events.texts import Long, Role, Short, Word

Outcome = Literal["solved", "partly", "refused", "not-needed"]


class DepartmentAnswer(Data):
    """What every answer of a department says: to which assignment, and in which role it was given."""

    assignment: Identifier
    by: Role


class Contact(Data):
    """The person at the department whom the team can call, by role."""

    role: Role
    reach: Short


class Acknowledged(DepartmentAnswer):
    """A person says: this is ours, we have read it."""

    contact: Contact
    note: Long | None = None


class HandedOver(DepartmentAnswer):
    """A department says it is not theirs and names whose it is; the clock runs on."""

    to: Code
    reason: Long


class Extended(DepartmentAnswer):
    """A new date, with a reason, told to the team; the first date stays on record."""

    until: Moment
    reason: Long


class CustomSolution(Data):
    """A department departs from its own rule for one case, and says publicly why."""

    rule: Rule
    justification: Long
    features: Annotated[list[Word], Field(min_length=1, max_length=20)]


class Resolved(DepartmentAnswer):
    """The department says it is done, and how."""

    outcome: Outcome
    explanation: Long
    custom_solution: CustomSolution | None = None


class TeamAnswer(Data):
    """What every answer of a team says: to which signal, and in which role it was given."""

    signal: Identifier
    by: Role


class Confirmed(TeamAnswer):
    """It is solved for the residents."""

    note: Long | None = None


class Contested(TeamAnswer):
    """It is not solved for the residents: `assignments`, or else all resolved ones, are open again."""

    reason: Long
    assignments: Annotated[list[Identifier], Field(min_length=1, max_length=100)] | None = None


class Withdrawn(TeamAnswer):
    """The team takes its signal back."""

    reason: Long


class ContactRecorded(TeamAnswer):
    """Somebody spoke with the residents or with a department."""

    with_: Annotated[Literal["resident", "residents-group", "department"], Field(alias="with")]
    form: Literal["visit", "meeting", "call", "message"]
    on: Moment | None = None  # when it was; without it, the moment of receipt


_OF_DEPARTMENTS = frozenset((Acknowledged, HandedOver, Extended, Resolved))
_OF_TEAMS = frozenset((Confirmed, Contested, Withdrawn, ContactRecorded))


def is_of_department(data: Data) -> TypeGuard[DepartmentAnswer]:
    """`isinstance`, for what every event passes: that one takes ten times as long on pydantic's models."""
    return type(data) in _OF_DEPARTMENTS


def is_of_team(data: Data) -> TypeGuard[TeamAnswer]:
    """`isinstance`, as above."""
    return type(data) in _OF_TEAMS
