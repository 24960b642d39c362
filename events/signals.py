"""What a team reports: the eight kinds of signal and their data (contract 1.1), and the one of the machinery itself."""

from typing import Annotated, Any, Literal, TypeGuard, get_args

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, field_validator
from pydantic.alias_generators import to_camel
from pydantic_core.core_schema import ValidationInfo

from events.identifiers import Code, NeighbourhoodCode
from events.moments import Day, PartialDay, Since
from events.texts import Description, Long, Role, Short, Word

Kind = Literal[
    "initiative-blocked",
    "rules-conflicting",
    "agendas-crossing",
    "custom-solution-requested",
    "formality-disproportionate",
    "grievance-reported",
    "intervention-announced",
    "phase-changed",
]
KINDS: tuple[Kind, ...] = get_args(Kind)
"""What people report; lists, figures and what is published know these and no others."""

CANARY: Literal["canary"] = "canary"
"""The kind of signal that the machinery sends itself, and the code of the team and the department between which it
goes: reserved, and in no list and no figure about people."""
AnyKind = Literal[Kind, "canary"]
"""What the loop itself must be able to carry."""


def _number(value: Any) -> Any:
    if isinstance(value, bool | str):
        raise ValueError("must be a number")  # noqa: TRY004 - pydantic turns ValueError into a fault, not TypeError
    return value


Amount = Annotated[float, Field(ge=0, le=1e12, allow_inf_nan=False), BeforeValidator(_number)]
Count = Annotated[int, Field(ge=0, le=1_000_000), BeforeValidator(_number)]
Flag = Annotated[bool, Field(strict=True)]


class Data(BaseModel):
    """The base of every event's data: camelCase on the wire, and never changed after it was read."""

    model_config = ConfigDict(alias_generator=to_camel, validate_by_name=True, validate_by_alias=True, frozen=True)


class Rule(Data):
    """A rule as the town knows it, with the department that owns it where the team knows that."""

    code: Short
    title: Short | None = None
    owner: Code | None = None


class Agenda(Data):
    """A policy agenda, with the department that owns it where the team knows that."""

    name: Short
    owner: Code | None = None


class Stake(Data):
    """What is at stake, in words and, where it can be said, in euros."""

    text: Long
    euros: Amount | None = None


class Burden(Data):
    """What the formality asks of people."""

    text: Long
    hours: Amount | None = None
    days: Amount | None = None
    documents: Count | None = None


class Report(Data):
    """What every kind of signal says."""

    team: Code
    neighbourhood: NeighbourhoodCode
    title: Short
    description: Description | None = None
    since: Since | None = None
    case_reference: Role | None = None
    advocate: Role | None = None
    connector: Role | None = None
    departments: Annotated[list[Code], Field(max_length=100)] | None = None


class InitiativeBlocked(Report):
    """An initiative of residents cannot go on."""

    model_config = ConfigDict(
        json_schema_extra={
            "if": {"properties": {"blockedBy": {"const": "rule"}}, "required": ["blockedBy"]},
            "then": {"properties": {"rule": {"type": "object"}}, "required": ["rule"]},
        }
    )

    initiative: Short
    blocked_by: Literal["rule", "permit", "funding", "contract", "property", "capacity", "other"]
    rule: Annotated[Rule | None, Field(validate_default=True)] = None

    @field_validator("rule")
    @classmethod
    def _names_the_rule(cls, rule: Rule | None, info: ValidationInfo) -> Rule | None:
        if rule is None and info.data.get("blocked_by") == "rule":
            raise ValueError("is required when blockedBy is rule")
        return rule


class RulesConflicting(Report):
    """Two or more rules that cannot all hold for these people."""

    rules: Annotated[list[Rule], Field(min_length=2, max_length=10)]
    situation: Long


class AgendasCrossing(Report):
    """Two or more agendas that get in each other's way in this neighbourhood."""

    agendas: Annotated[list[Agenda], Field(min_length=2, max_length=10)]
    consequence: Long | None = None


class CustomSolutionRequested(Report):
    """A department is asked to depart from its own rule in one case."""

    rule: Rule
    reason: Long
    features: Annotated[list[Word], Field(min_length=1, max_length=20)]


class FormalityDisproportionate(Report):
    """A step is asked that stands in no relation to what is at stake."""

    formality: Short
    rule: Rule | None = None
    stake: Stake
    burden: Burden


class GrievanceReported(Report):
    """What was done to people before and was never answered; its age counts from then."""

    happened_on: PartialDay
    grievance: Long
    recognised: Flag | None = None


class InterventionAnnounced(Report):
    """A department announces that it will intervene in a neighbourhood."""

    department: Code
    intervention: Short
    starts: Day
    neighbourhoods: Annotated[list[NeighbourhoodCode], Field(min_length=1, max_length=100)] | None = None
    heard: Flag | None = None


class PhaseChanged(Report):
    """The neighbourhood's phase: sweet, sour, salty or bitter."""

    phase: Literal["sweet", "sour", "salty", "bitter"]
    because: Long | None = None


class Canary(Report):
    """What the machinery reports to itself, to see whether a signal comes round."""

    @field_validator("team")
    @classmethod
    def _is_its_own(cls, team: str) -> str:
        if team != CANARY:
            raise ValueError(f"must be {CANARY}: the machinery sends this kind to itself, and nobody else can")
        return team


SIGNALS: dict[Kind, type[Report]] = {
    "initiative-blocked": InitiativeBlocked,
    "rules-conflicting": RulesConflicting,
    "agendas-crossing": AgendasCrossing,
    "custom-solution-requested": CustomSolutionRequested,
    "formality-disproportionate": FormalityDisproportionate,
    "grievance-reported": GrievanceReported,
    "intervention-announced": InterventionAnnounced,
    "phase-changed": PhaseChanged,
}

"""What people report."""

ANY_KINDS: tuple[AnyKind, ...] = get_args(AnyKind)
REPORTS: dict[AnyKind, type[Report]] = {kind: Canary if kind == CANARY else SIGNALS[kind] for kind in ANY_KINDS}
"""What the loop reads."""

_REPORTS = frozenset(REPORTS.values())
_FIELDS = {
    kind: tuple(field.alias or name for name, field in model.model_fields.items()) for kind, model in REPORTS.items()
}


def is_report(data: Data) -> TypeGuard[Report]:
    """`isinstance`, for what every event passes: that one takes ten times as long on pydantic's models."""
    return type(data) in _REPORTS


def own_fields(kind: AnyKind, data: dict[str, Any]) -> dict[str, Any]:
    """The fields of a signal's data that its kind has, as they were sent.

    Unknown ones are kept and ignored (contract 1): whatever decides by `data` looks at these, which the model checked.
    """
    return {name: data[name] for name in _FIELDS[kind] if data.get(name) is not None}


def rules_of(data: dict[str, Any]) -> list[dict[str, Any]]:
    """The rules that a signal's own fields name, in their order."""
    single = [data["rule"]] if data.get("rule") else []
    return single + list(data.get("rules") or [])
