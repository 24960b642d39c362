"""The catalogue is the contract's, to the letter: types, topics, fields, which are required, and closed sets."""

import tomllib
from pathlib import Path
from typing import Any

import pytest

from events import VERSION
from events.catalogue import (
    CATALOGUE,
    INPUTS,
    OUTCOMES,
    department_topics,
    kind_of,
    loop_topics,
    neighbourhood_topics,
    signal_type,
    team_topics,
)
from events.outcomes import REFUSAL_CODES
from events.schemas import schema_of
from events.signals import KINDS

A, S, N = "department.{code}.assignments", "team.{code}.feedback", "nl.koikarper."

REPORT = "team! neighbourhood! title! description since caseReference advocate connector departments "
FIELDS = {
    # 1.1; `!` marks what is required
    "signals.initiative-blocked": REPORT + "initiative! blockedBy! rule",
    "signals.rules-conflicting": REPORT + "rules! situation!",
    "signals.agendas-crossing": REPORT + "agendas! consequence",
    "signals.custom-solution-requested": REPORT + "rule! reason! features!",
    "signals.formality-disproportionate": REPORT + "formality! rule stake! burden!",
    "signals.grievance-reported": REPORT + "happenedOn! grievance! recognised",
    "signals.intervention-announced": REPORT + "department! intervention! starts! neighbourhoods heard",
    "signals.phase-changed": REPORT + "phase! because",
    # 1.2
    "assignments.acknowledged": "assignment! by! contact! note",
    "assignments.handed-over": "assignment! by! to! reason!",
    "assignments.extended": "assignment! by! until! reason!",
    "assignments.resolved": "assignment! by! outcome! explanation! customSolution",
    # 1.3
    "signals.confirmed": "signal! by! note",
    "signals.contested": "signal! by! reason! assignments",
    "signals.withdrawn": "signal! by! reason!",
    "signals.contact-recorded": "signal! by! with! form! on",
    # 1.4
    "assignments.assigned": "assignment! signal! department! round! kind! because! waitingSince! acknowledgeBy! "
    "resolveBy! handedOverFrom report!",
    "assignments.reminded": "assignment! signal! department! stage! due! rung! to! path",
    "assignments.escalated": "assignment! signal! department! stage! due! rung! to! path",
    "assignments.deadline-missed": "assignment! signal! department! stage! due! promise!",
    "signals.resolution-proposed": "signal! outcomes! confirmBy!",
    "signals.closed": "signal! how!",
    "answers.refused": "event! reason! explanation!",
    "precedents.published": "precedent! rule! features! outcome! justification! department! signal!",
}
TOPICS = {
    **{f"signals.{kind}": [f"neighbourhood.{kind}"] for kind in KINDS},
    **{
        f"assignments.{name}": ["department.{code}.answers", S]
        for name in ["acknowledged", "handed-over", "extended", "resolved"]
    },
    **{f"signals.{name}": ["team.{code}.answers"] for name in ["confirmed", "withdrawn", "contact-recorded"]},
    "signals.contested": ["team.{code}.answers", A],  # those whose work it is about hear it as sent
    "assignments.assigned": [A, S],
    "assignments.reminded": [A, S],
    "assignments.escalated": [A, S],
    "assignments.deadline-missed": [A, S],
    "signals.resolution-proposed": [S],
    "signals.closed": [A, S],
    "answers.refused": [A, S],
    "precedents.published": ["loop.precedents"],
}
SETS = {
    "signals.initiative-blocked blockedBy": "rule permit funding contract property capacity other",
    "signals.phase-changed phase": "sweet sour salty bitter",
    "assignments.resolved outcome": "solved partly refused not-needed",
    "signals.contact-recorded with": "resident residents-group department",
    "signals.contact-recorded form": "visit meeting call message",
    "assignments.deadline-missed stage": "acknowledge resolve confirm",
    "assignments.deadline-missed promise": "first extended",
    "signals.closed how": "confirmed withdrawn unconfirmed",
    "answers.refused reason": "unknown-assignment unknown-signal not-your-assignment not-your-signal already-resolved "
    "already-handed-over already-closed not-resolved-yet unknown-department date-in-the-past too-far too-late "
    "too-many-extensions too-many-hand-overs unreadable",
}
LENGTHS = {
    "signals.initiative-blocked title": (200, None),
    "signals.initiative-blocked description": (4_000, None),
    "signals.initiative-blocked caseReference": (100, None),
    "signals.initiative-blocked advocate": (100, None),
    "signals.initiative-blocked connector": (100, None),
    "signals.initiative-blocked initiative": (200, None),
    "signals.rules-conflicting situation": (2_000, None),
    "signals.rules-conflicting rules": (10, 2),
    "signals.agendas-crossing agendas": (10, 2),
    "signals.agendas-crossing consequence": (2_000, None),
    "signals.custom-solution-requested reason": (2_000, None),
    "signals.custom-solution-requested features": (20, 1),
    "signals.formality-disproportionate formality": (200, None),
    "signals.grievance-reported grievance": (2_000, None),
    "signals.intervention-announced intervention": (200, None),
    "signals.intervention-announced neighbourhoods": (100, 1),
    "signals.phase-changed because": (2_000, None),
}


def data_of(name: str) -> dict[str, Any]:
    whole = schema_of(f"{N}{name}.v1")
    part: dict[str, Any] = whole["$defs"][whole["properties"]["data"]["$ref"].rpartition("/")[2]]
    return part


def field_of(name: str) -> dict[str, Any]:
    type_, field = name.split()
    schema: dict[str, Any] = data_of(type_)["properties"][field]
    return next(iter(schema.get("anyOf", [schema])))


def test_the_types_are_those_of_the_contract() -> None:
    assert {f"{N}{name}.v1" for name in FIELDS} == set(CATALOGUE)
    assert set(INPUTS) | set(OUTCOMES) == set(CATALOGUE)
    assert not set(INPUTS) & set(OUTCOMES)


@pytest.mark.parametrize("name", FIELDS)
def test_the_fields_of_each_type_and_which_are_required_are_those_of_the_contract(name: str) -> None:
    data = data_of(name)
    said = {f"{field}{'!' if field in data['required'] else ''}" for field in data["properties"]}
    assert said == set(FIELDS[name].split())


@pytest.mark.parametrize("name", TOPICS)
def test_each_type_is_found_on_the_topics_of_the_contract(name: str) -> None:
    assert list(CATALOGUE[f"{N}{name}.v1"].topics) == TOPICS[name]


@pytest.mark.parametrize("name", SETS)
def test_the_closed_sets_are_those_of_the_contract(name: str) -> None:
    assert field_of(name)["enum"] == SETS[name].split()


@pytest.mark.parametrize("name", LENGTHS)
def test_the_lengths_are_those_of_the_contract(name: str) -> None:
    field = field_of(name)
    most, least = LENGTHS[name]
    assert field.get("maxLength", field.get("maxItems")) == most
    assert field.get("minItems") == least


def test_refusal_codes_are_the_same_set_in_the_code_and_in_the_schema() -> None:
    assert list(REFUSAL_CODES) == SETS["answers.refused reason"].split()


def test_a_kind_is_found_by_its_type_and_an_answer_is_no_kind() -> None:
    assert [kind_of(signal_type(kind)) for kind in KINDS] == list(KINDS)
    for other in ("nl.koikarper.signals.confirmed.v1", "nl.koikarper.signals.phase-changed.v2", "phase-changed", ""):
        assert kind_of(other) is None


def test_shared_topics_have_six_partitions_and_every_senders_topic_has_one() -> None:
    assert {topic.partitions for topic in neighbourhood_topics()} == {6}
    own = [*department_topics("permits"), *team_topics("noord")]
    assert {topic.partitions for topic in own} == {1}
    assert {topic.name for topic in own} == {
        "department.permits.assignments",
        "department.permits.answers",
        "team.noord.answers",
        "team.noord.feedback",
    }


def test_dead_letters_are_kept_seven_days() -> None:
    days = {topic.name: topic.retention_ms / 86_400_000 for topic in loop_topics()}
    assert days["dead-letters"] == 7
    assert {"loop.retries", "loop.precedents", "loop.patterns"} < set(days)


def test_the_release_is_that_of_the_package() -> None:
    project = tomllib.loads((Path(__file__).parents[3] / "pyproject.toml").read_text())["project"]
    assert project["version"] == VERSION
