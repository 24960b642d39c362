"""What the reads answer with: camelCase, moments in UTC with `Z`."""

from collections.abc import Callable, Iterable, Sequence
from datetime import date
from typing import Annotated, Any, Generic, Literal, TypeVar
from uuid import UUID

from pydantic import BaseModel, ConfigDict, Field, WithJsonSchema
from pydantic.alias_generators import to_camel

from events.answers import Outcome
from events.moments import Moment as EventMoment
from events.outcomes import How, Stage
from events.signals import Kind
from services.ledger.state import AssignmentState, SignalState, Verdict

Moment = Annotated[EventMoment, WithJsonSchema({"type": "string", "format": "date-time"}, mode="serialization")]

REPORTED = "Since when it waits: when the broker received the report."
HAPPENED = "Of a grievance: when it happened, as given: a date, a year and month, or a year. Null for other kinds."
SINCE_HAPPENED = "Of a grievance: since when it waits, counted from the first day that `happenedOn` can mean."

T = TypeVar("T")


class View(BaseModel):
    """The base of every answer."""

    model_config = ConfigDict(
        alias_generator=to_camel,
        validate_by_name=True,
        validate_by_alias=True,
        from_attributes=True,
        json_schema_serialization_defaults_required=True,
    )


class Page(View, Generic[T]):
    """A part of a list. `next` goes into `after` for the part that follows; null at the end."""

    items: list[T]
    next: str | None


class AssignmentView(View):
    """The duty of one department to acknowledge and resolve one signal."""

    id: UUID
    signal: UUID
    department: str
    round: int = Field(description="1, 2, …: a department can be assigned the same signal again.")
    kind: Kind
    title: str = Field(description="The signal's title.")
    because: str = Field(description="The route that chose this department.")
    promise: str = Field(description="The promise's name in the agreements of that version.")
    agreements: str = Field(description="The version of the agreements under which the promise was made.")
    state: AssignmentState
    overdue: bool = Field(description="Whether what it waits for is past its first date.")
    waiting_since: Moment = Field(description=REPORTED)
    happened_on: str | None = Field(description=HAPPENED)
    waiting_since_happened: Moment | None = Field(description=SINCE_HAPPENED)
    assigned_at: Moment
    acknowledge_by: Moment
    resolve_by: Moment = Field(description="The date that stands; extending moves it.")
    resolve_first: Moment = Field(description="The first date, by which the outcome goes.")
    extensions: int
    acknowledged_at: Moment | None
    resolved_at: Moment | None
    ended_at: Moment | None
    acknowledge: Verdict | None = Field(description="How the promise to acknowledge was decided; null: not yet.")
    resolve: Verdict | None
    confirm: Verdict | None = Field(description="How the team's promise to answer this work was decided.")
    outcome: Outcome | None
    explanation: str | None
    custom_solution: dict[str, Any] | None
    contested: int = Field(description="How often the team said that it is not solved.")
    handed_over_from: str | None
    handed_over_to: str | None


class ContactView(View):
    """The last contact with residents that was recorded."""

    on: Moment
    with_: Literal["resident", "residents-group"] = Field(alias="with")
    form: Literal["visit", "meeting", "call", "message"]
    by: str = Field(description="The role that spoke with them.")


class SignalView(View):
    """What a team reported, and how far the town is with it."""

    id: UUID
    kind: Kind
    team: str
    neighbourhood: str
    rules: list[str] = Field(description="The codes of the rules that it names.")
    state: SignalState
    waiting_since: Moment = Field(description=REPORTED)
    happened_on: str | None = Field(description=HAPPENED)
    waiting_since_happened: Moment | None = Field(description=SINCE_HAPPENED)
    proposed_at: Moment | None = Field(description="When the team was asked whether it is solved.")
    confirm_by: Moment | None
    closed_at: Moment | None
    how: How | None
    hand_overs: int
    contact_on: Moment | None = Field(description="When the last contact with residents was; null: nobody has spoken.")
    contacts: int = Field(description="How often contact with residents was recorded.")
    last_contact: ContactView | None
    report: dict[str, Any] = Field(description="The signal's own data, as it was sent.")
    assignments: list[AssignmentView]


class EntryView(View):
    """An event in the record of a signal."""

    at: Moment = Field(description="The broker's moment: the one that counts.")
    type: str
    source: str
    id: str
    sender: str = Field(description="`team:<code>` or `department:<code>`.")
    refused: str | None = Field(description="The code with which it was refused; null: it had its effect.")
    data: dict[str, Any]


class WaitView(View):
    """Who waits how long: one department, kind and stage."""

    department: str
    kind: Kind
    stage: Stage
    open: int = Field(description="How many still wait for this stage.")
    overdue: int = Field(description="How many of those are past their first date.")
    oldest: Moment | None = Field(description="Since when the longest of those waits.")
    oldest_happened: Moment | None = Field(
        description="Of grievances: when the oldest happened that still waits for this stage. Null for other kinds."
    )
    met: int
    missed: int
    answered: int = Field(description="How many waits have ended, in time or not.")
    median_seconds: float | None = Field(description="Of answered waits, to the millisecond.")
    p90_seconds: float | None
    share_on_time: float | None = Field(
        description="Met, of all that were decided and all that still wait past their date: who was never answered "
        "counts. Null when there is none of these."
    )


class PrecedentView(View):
    """A custom solution with its reasons, for the next one who decides."""

    precedent: UUID
    rule: dict[str, Any]
    features: list[str]
    outcome: Outcome
    justification: str
    department: str
    signal: UUID
    assignment: UUID
    resolved_at: Moment


class PatternView(View):
    """The same rule or agenda behind several signals."""

    pattern: UUID
    on: str
    signals: list[UUID]
    neighbourhoods: list[str]
    since: Moment


class PromiseView(View):
    """How soon a department answers."""

    name: str
    acknowledge: str
    resolve: str
    confirm: str
    extensions: int
    extension: str | None


class DepartmentView(View):
    """Who must answer."""

    code: str
    name: str
    promise: PromiseView
    calendar: str
    rules: list[str]
    agendas: list[str]
    until: date | None = Field(description="The last day on which it was given new work; null: it still is.")
    successor: str | None


class TeamView(View):
    """Who emits signals."""

    code: str
    name: str
    neighbourhoods: list[str]
    until: date | None


class KindView(View):
    """A kind of signal: the type of its event, the topic on which it is emitted, and the schema of its data."""

    kind: Kind
    type: str
    topic: str
    description: str
    data_schema: str


def page(rows: Sequence[Any], limit: int, view: Callable[[Any], T], cursor: Callable[[Any], str]) -> Page[T]:
    """A page from up to `limit` + 1 rows: the one too many only says that there is a next page."""
    shown = rows[:limit]
    return Page(items=[view(row) for row in shown], next=cursor(shown[-1]) if len(rows) > limit else None)


def page_of(items: Iterable[T], key: Callable[[T], str], after: str | None, limit: int) -> tuple[list[T], str | None]:
    """A page of a short list, in the order of `key`; and the key at which the page ends, if more follow."""
    rest = sorted((item for item in items if after is None or key(item) > after), key=key)
    shown = rest[:limit]
    return shown, key(shown[-1]) if len(rest) > limit else None
