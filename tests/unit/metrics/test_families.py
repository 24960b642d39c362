"""What the exporter serves: the names, types and labels of the contract, every label set from the start."""

from datetime import UTC, datetime

import pytest
from prometheus_client import CollectorRegistry
from prometheus_client.exposition import generate_latest
from prometheus_client.openmetrics.exposition import generate_latest as openmetrics
from prometheus_client.parser import text_string_to_metric_families

from services.agreements.loading import parse
from services.metrics import definitions as d
from services.metrics.collector import SnapshotCollector
from services.metrics.families import families
from services.metrics.label_sets import label_sets
from services.metrics.snapshot import Snapshot

TOWN = """
municipality: {code: GM9999, name: Voorbeeldstad, oin: "00000099000000001000"}
calendars:
  office: {timezone: Europe/Amsterdam, hours: {mon-fri: ["09:00-17:00"]}, holidays: NL, closed: []}
promises:
  standard: {acknowledge: 8 hours, resolve: 48 hours, confirm: 24 hours, extensions: 0}
ladders:
  standard:
    - {stage: acknowledge, at: 50%, remind: department}
    - {stage: acknowledge, at: due, escalate: control}
departments:
  permits: {name: Vergunningen, calendar: office, promise: standard, ladder: standard}
  control: {name: Concerncontrol, calendar: office, promise: standard}
teams:
  noord: {name: Wijkteam Noord, neighbourhoods: [WK999901]}
routes:
  - {when: {kind: initiative-blocked}, to: [permits]}
default: control
patterns: {signals: 3, within: 90 days}
"""
AT = datetime(2026, 3, 2, 9, tzinfo=UTC)
CONTRACT = {
    "koikarper_signals_total": ("counter", "kind"),
    "koikarper_signals_open": ("gauge", "kind, state"),
    "koikarper_signals_closed_total": ("counter", "kind, how"),
    "koikarper_assignments_open": ("gauge", "department, kind, state"),
    "koikarper_oldest_open_assignment_timestamp_seconds": ("gauge", "department, state"),
    "koikarper_open_assignment_age_seconds": ("gaugehistogram", "department, state"),
    "koikarper_assignments_overdue": ("gauge", "department, stage"),
    "koikarper_next_deadline_timestamp_seconds": ("gauge", "department, stage"),
    "koikarper_deadlines_total": ("counter", "department, stage, outcome"),
    "koikarper_wait_seconds": ("histogram", "department, stage"),
    "koikarper_answers_total": ("counter", "department, answer"),
    "koikarper_longest_waiting_assignment_timestamp_seconds": ("gauge", "assignment, department, kind, state"),
    "koikarper_escalations_total": ("counter", "department, rung"),
    "koikarper_precedents_total": ("counter", "department"),
    "koikarper_patterns_open": ("gauge", "department"),
    "koikarper_outbox_rows": ("gauge", ""),
    "koikarper_outbox_oldest_timestamp_seconds": ("gauge", ""),
    "koikarper_read_until_timestamp_seconds": ("gauge", "topic"),
    "koikarper_dead_letters_total": ("counter", "topic, reason"),
    "koikarper_dead_letters_open": ("gauge", "topic, reason"),
    "koikarper_canary_roundtrip_seconds": ("gauge", ""),
    "koikarper_canary_last_success_timestamp_seconds": ("gauge", ""),
    "koikarper_snapshot_timestamp_seconds": ("gauge", ""),
}
"""Contract 4, as it stands there."""
ADDED = {
    "koikarper_department_unread_records": ("gauge", "department"),
    "koikarper_department_unread_timestamp_seconds": ("gauge", ""),
    "koikarper_disk_free_bytes": ("gauge", "part"),
    "koikarper_disk_size_bytes": ("gauge", "part"),
    "koikarper_database_size_bytes": ("gauge", ""),
}
"""What is served beside the contract."""
SIZE = "koikarper_database_size_bytes"
BOUNDS = [900, 3600, 14400, 28800, *(days * 86400 for days in (1, 2, 3, 5, 7, 14, 30, 56, 70)), float("inf")]


@pytest.fixture
def sets():
    return label_sets([parse(TOWN)])


def empty():
    """A ledger in which nothing has happened."""
    nothing = dict.fromkeys(("assignments", "asked", "signals", "longest", "counters", "reading", "dead_letters"), ())
    absent = dict.fromkeys(("outbox_oldest", "canary"))
    return Snapshot(at=AT, outbox_rows=0, database_bytes=8, versions=frozenset(), **absent, **nothing)


def served(sets):
    registry = CollectorRegistry()
    collector = SnapshotCollector()
    registry.register(collector)
    collector.show(families(empty(), sets))
    return registry


def test_the_closed_list_is_that_of_the_contract():
    assert {item.name: (item.type, ", ".join(item.labels)) for item in d.DEFINITIONS} == CONTRACT
    assert len(d.DEFINITIONS) == len(CONTRACT)


def test_what_is_added_to_it_is_a_closed_list_of_its_own():
    assert {item.name: (item.type, ", ".join(item.labels)) for item in d.ADDED} == ADDED
    assert not CONTRACT.keys() & ADDED.keys()


def test_each_metric_is_served_with_its_name_type_and_labels(sets):
    found = {}
    for family in families(empty(), sets):
        name = f"{family.name}_total" if family.type == "counter" else family.name
        found[name] = (family.type, ", ".join(family._labelnames))
    assert found == CONTRACT | {SIZE: ADDED[SIZE]}  # the others are looked at beside the snapshot


def test_before_the_first_snapshot_nothing_is_served_and_nothing_fails():
    registry = CollectorRegistry()
    registry.register(SnapshotCollector())
    assert generate_latest(registry) == b""


def test_every_label_set_that_can_occur_is_there_at_0(sets):
    registry = served(sets)
    for name, labels in [
        ("koikarper_signals_total", {"kind": "phase-changed"}),
        ("koikarper_signals_closed_total", {"kind": "rules-conflicting", "how": "unconfirmed"}),
        ("koikarper_assignments_open", {"department": "control", "kind": "phase-changed", "state": "waiting"}),
        ("koikarper_assignments_overdue", {"department": "permits", "stage": "confirm"}),
        ("koikarper_deadlines_total", {"department": "permits", "stage": "resolve", "outcome": "missed"}),
        ("koikarper_wait_seconds_count", {"department": "permits", "stage": "confirm"}),
        ("koikarper_wait_seconds_bucket", {"department": "permits", "stage": "confirm", "le": "900.0"}),
        ("koikarper_open_assignment_age_seconds_bucket", {"department": "permits", "state": "waiting", "le": "+Inf"}),
        ("koikarper_answers_total", {"department": "control", "answer": "contested"}),
        ("koikarper_escalations_total", {"department": "permits", "rung": "2"}),
        ("koikarper_precedents_total", {"department": "control"}),
        ("koikarper_dead_letters_total", {"topic": "team.noord.answers", "reason": "forged"}),
        ("koikarper_dead_letters_open", {"topic": "neighbourhood.phase-changed", "reason": "unworkable"}),
    ]:
        assert registry.get_sample_value(name, labels) == 0, name


def test_a_rung_that_only_reminds_escalates_to_nobody(sets):
    assert served(sets).get_sample_value("koikarper_escalations_total", {"department": "permits", "rung": "1"}) is None


def test_what_does_not_exist_is_absent(sets):
    names = {sample.name for family in served(sets).collect() for sample in family.samples}
    absent = ("oldest", "next_deadline", "read_until", "canary")
    assert not {name for name in names if any(part in name for part in absent)}


def test_the_buckets_are_the_promises_people_make(sets):
    registry = served(sets)
    for family in registry.collect():
        if family.type in {"histogram", "gaugehistogram"}:
            found = {sample.labels["le"] for sample in family.samples if sample.name.endswith("_bucket")}
            assert sorted(map(float, found)) == BOUNDS


def test_both_formats_of_a_scrape_can_be_written_and_read(sets):
    registry = served(sets)
    assert list(text_string_to_metric_families(generate_latest(registry).decode()))
    assert openmetrics(registry).endswith(b"# EOF\n")


def test_codes_of_earlier_agreements_stay_labels():
    earlier = parse(TOWN.replace("control: {name", "housing: {name").replace("control", "housing"))
    assert label_sets([parse(TOWN), earlier]).departments == ("control", "housing", "permits")
    assert "department.housing.answers" in label_sets([parse(TOWN), earlier]).partitions
    idle = label_sets([parse(TOWN), earlier], idle={"department.housing.answers"})
    assert "department.housing.answers" not in idle.partitions  # its moment stands still, and tells of no trouble


def test_the_canary_is_a_label_of_the_machinery_only(sets):
    labelled = {
        (sample.name, *sample.labels.items())
        for family in served(sets).collect()
        for sample in family.samples
        if any("canary" in value for value in sample.labels.values())
    }
    assert {name for name, *_ in labelled} == {"koikarper_dead_letters_total", "koikarper_dead_letters_open"}
    assert {dict(labels)["topic"] for _, *labels in labelled} == {
        "neighbourhood.canary",
        "department.canary.answers",
        "team.canary.answers",
    }


def test_forty_departments_stay_within_ten_thousand_series():
    many = "".join(
        f"  d{number}: {{name: D, calendar: office, promise: standard, ladder: standard}}\n" for number in range(38)
    )
    town = parse(TOWN.replace("teams:\n", f"{many}teams:\n"))
    assert len(label_sets([town]).departments) == 40
    samples = sum(len(family.samples) for family in families(empty(), label_sets([town])))
    assert samples <= 10_000
