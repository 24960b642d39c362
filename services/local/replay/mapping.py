"""The mapping of a log (contract 7): which column is what, what counts as an answer, and the promise."""

from pathlib import Path
from typing import Annotated, Any, Final, Literal, Self
from zoneinfo import ZoneInfo

from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    StringConstraints,
    ValidationError,
    model_validator,
)

from events.identifiers import Code
from events.signals import KINDS, Kind
from services.agreements import durations
from services.local.replay.constants import faults_of_report
from services.local.replay.document import Document
from services.local.replay.faults import MappingError

Name = Annotated[str, StringConstraints(min_length=1)]
FIRST_EVENT: Final = "first-event"
LAST_RESOLUTION: Final = "last-resolution"


def _listed(value: Any) -> Any:
    return [value] if isinstance(value, str) else value


def _zone(name: str) -> str:
    try:
        ZoneInfo(name)
    except (KeyError, ValueError, OSError):
        raise ValueError(f"there is no time zone {name!r}; write for example Europe/Amsterdam") from None
    return name


def _duration(text: Any) -> Any:
    durations.parse(str(text))
    return str(text)


Names = Annotated[tuple[Name, ...], BeforeValidator(_listed)]
Duration = Annotated[str, BeforeValidator(_duration)]


class Part(BaseModel):
    """Every part of a mapping: unknown keys are refused, words are joined by hyphens."""

    model_config = ConfigDict(
        extra="forbid", frozen=True, strict=False, alias_generator=lambda name: name.replace("_", "-")
    )


class Column(Part):
    """A column that holds a value for each row."""

    column: Name


class Constant(Part):
    """The same department for every case."""

    constant: Code


class Mark(Part):
    """What counts as an answer: rows of an activity, a lifecycle or both; or a column with the moment itself."""

    activity: Names = ()
    lifecycle: Names = ()
    column: Name | None = None

    @model_validator(mode="after")
    def _says_one_thing(self) -> Self:
        if bool(self.activity or self.lifecycle) == (self.column is not None):
            raise ValueError("name an activity, a lifecycle or both; or else a column with a moment")
        return self

    def counts(self, activity: str, lifecycle: str) -> bool:
        """Whether a row with this activity and lifecycle is such an answer."""
        if self.column is not None:
            return False
        return (not self.activity or activity in self.activity) and (not self.lifecycle or lifecycle in self.lifecycle)


class Promise(Part):
    """How soon the departments had to answer."""

    acknowledge: Duration
    resolve: Duration
    confirm: Duration = "7 days"


class Mapping(Part):
    """A whole mapping file."""

    case: Name
    activity: Name
    timestamp: Name
    lifecycle: Name = "lifecycle:transition"
    """The column of lifecycles; read only where a mark names one."""
    start: Literal["first-event"] | Column
    department: Column | Constant
    kind: Kind
    report: dict[str, Any]
    """The constant fields of every signal: title, neighbourhood, and those that the kind requires."""
    acknowledge: Mark
    hand_over: Literal["change-of-department"] | None = None
    resolve: Mark
    confirm: Literal["last-resolution", "never"] | Mark = LAST_RESOLUTION
    promise: Promise
    delimiter: Annotated[str, StringConstraints(min_length=1, max_length=1)] = ","
    timezone: Annotated[str, AfterValidator(_zone)] | None = None
    """The zone of timestamps that carry no offset; without it such a timestamp cannot be read."""
    format: Name | None = None
    """How timestamps are written (`%d-%m-%Y %H:%M`, as in Python's strptime); ISO 8601 without it."""

    @model_validator(mode="after")
    def _can_hand_over(self) -> Self:
        if self.hand_over and isinstance(self.department, Constant):
            raise ValueError("hand-over is a change of department, and this mapping has one constant department")
        return self

    @property
    def marks(self) -> dict[str, Mark]:
        """What counts as an answer, by stage."""
        marks = {"acknowledge": self.acknowledge, "resolve": self.resolve}
        return marks | {"confirm": self.confirm} if isinstance(self.confirm, Mark) else marks

    @property
    def columns(self) -> tuple[str, ...]:
        """The columns that are read, each once."""
        columns = [self.case, self.activity, self.timestamp]
        columns += [part.column for part in (self.start, self.department) if isinstance(part, Column)]
        columns += [mark.column for mark in self.marks.values() if mark.column]
        columns += [self.lifecycle] if any(mark.lifecycle for mark in self.marks.values()) else []
        return tuple(dict.fromkeys(columns))


def load(path: Path) -> Mapping:
    """Read a mapping file; raises `MappingError` with every mistake and its place."""
    try:
        text = path.read_text("utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise MappingError(str(path), (Document.problem(0, 0, f"the mapping cannot be read: {error}"),)) from None
    return parse(text, str(path))


def parse(text: str, file: str = "mapping") -> Mapping:
    """The mapping in `text`; raises `MappingError` with every mistake and its place."""
    document = Document(text, file)
    problems = []
    mapping = None
    try:
        mapping = Mapping.model_validate(document.content)
    except ValidationError as error:
        problems = [document.explain(dict(item), _keys()) for item in error.errors(include_url=False)]
    content = document.content if isinstance(document.content, dict) else {}
    if content.get("kind") in KINDS and isinstance(content.get("report"), dict):
        faults = faults_of_report(content["kind"], content["report"])
        problems += [document.at(("report", *where), what) for where, what in faults]
    if problems or mapping is None:
        raise MappingError(file, tuple(sorted(set(problems), key=lambda item: (item.line, item.column, item.message))))
    return mapping


def _keys() -> list[str]:
    return [name.replace("_", "-") for name in Mapping.model_fields]
