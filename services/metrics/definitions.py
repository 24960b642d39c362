"""The closed list of what the exporter serves: the names, types and labels of contract 4, and, apart, what we added.

A label is a code from the agreements, a kind, a stage or a state; never a person, never free text. Moments are
exported, not ages: `time() - x` goes on growing when an exporter hangs.
"""

from dataclasses import dataclass
from typing import Literal

Type = Literal["counter", "gauge", "histogram", "gaugehistogram"]


@dataclass(frozen=True, slots=True)
class Definition:
    """One metric."""

    name: str
    type: Type
    labels: tuple[str, ...]
    help: str


# What teams said.
SIGNALS = Definition("koikarper_signals_total", "counter", ("kind",), "Signals that teams reported.")
SIGNALS_OPEN = Definition(
    "koikarper_signals_open", "gauge", ("kind", "state"), "Signals that are not closed: open, or resolved and asked."
)
SIGNALS_CLOSED = Definition(
    "koikarper_signals_closed_total",
    "counter",
    ("kind", "how"),
    "Closings of signals; one that was closed as unconfirmed can be contested and closed again.",
)

# What waits for a department now.
ASSIGNMENTS_OPEN = Definition(
    "koikarper_assignments_open", "gauge", ("department", "kind", "state"), "Assignments that wait for a department."
)
OLDEST = Definition(
    "koikarper_oldest_open_assignment_timestamp_seconds",
    "gauge",
    ("department", "state"),
    "Since when the longest waits; absent when none waits.",
)
AGE = Definition(
    "koikarper_open_assignment_age_seconds",
    "gaugehistogram",
    ("department", "state"),
    "How long what still waits has waited until the snapshot.",
)
LONGEST = Definition(
    "koikarper_longest_waiting_assignment_timestamp_seconds",
    "gauge",
    ("assignment", "department", "kind", "state"),
    "Since when each of the twenty longest waits.",
)

# What was promised.
OVERDUE = Definition(
    "koikarper_assignments_overdue",
    "gauge",
    ("department", "stage"),
    "Assignments past the first date of a stage that still waits.",
)
NEXT_DEADLINE = Definition(
    "koikarper_next_deadline_timestamp_seconds",
    "gauge",
    ("department", "stage"),
    "The next date on which a promise would break; absent when none is to come.",
)
DEADLINES = Definition(
    "koikarper_deadlines_total",
    "counter",
    ("department", "stage", "outcome"),
    "Promises decided: met by an answer in time, missed when the date passes, whether or not an answer ever comes.",
)

# What was answered.
WAIT = Definition(
    "koikarper_wait_seconds",
    "histogram",
    ("department", "stage"),
    "Answered waits; that of resolve once the signal closes, by the resolution that stood.",
)
ANSWERS = Definition("koikarper_answers_total", "counter", ("department", "answer"), "Answers that were taken in.")
ESCALATIONS = Definition(
    "koikarper_escalations_total",
    "counter",
    ("department", "rung"),
    "How often somebody was called in over a department; at the third hand-over of a signal too, as rung 3.",
)
PRECEDENTS = Definition(
    "koikarper_precedents_total", "counter", ("department",), "Custom solutions published as precedents."
)
PATTERNS_OPEN = Definition(
    "koikarper_patterns_open", "gauge", ("department",), "Patterns that wait for the owner of a rule or agenda."
)

# Whether the machinery itself is well.
OUTBOX_ROWS = Definition("koikarper_outbox_rows", "gauge", (), "Events that are still to be published.")
OUTBOX_OLDEST = Definition(
    "koikarper_outbox_oldest_timestamp_seconds", "gauge", (), "Since when the oldest of those waits; absent when none."
)
READ_UNTIL = Definition(
    "koikarper_read_until_timestamp_seconds",
    "gauge",
    ("topic",),
    "The ledger has read everything received before this moment; absent while a partition was never read.",
)
DEAD_LETTERS = Definition(
    "koikarper_dead_letters_total", "counter", ("topic", "reason"), "Records that could not be read, by first topic."
)
DEAD_LETTERS_OPEN = Definition(
    "koikarper_dead_letters_open", "gauge", ("topic", "reason"), "Dead letters that were neither retried nor discarded."
)
CANARY_ROUNDTRIP = Definition(
    "koikarper_canary_roundtrip_seconds",
    "gauge",
    (),
    "How long the last canary took: from the broker's receipt of the signal to that of the word that closed it.",
)
CANARY_LAST_SUCCESS = Definition(
    "koikarper_canary_last_success_timestamp_seconds",
    "gauge",
    (),
    "When the word that closed the last canary was received; absent before the first.",
)
SNAPSHOT = Definition(
    "koikarper_snapshot_timestamp_seconds", "gauge", (), "The moment of the ledger that all these figures are of."
)

# Additions of this deployment, beside contract 4: what stands round the ledger. Each is looked at in a task of its own
# (`beside.py`), and absent while it is not known.
UNREAD = Definition(
    "koikarper_department_unread_records",
    "gauge",
    ("department",),
    "Records on a department's assignments topic that its own consumer group has not read; absent while it never read.",
)
UNREAD_AT = Definition(
    "koikarper_department_unread_timestamp_seconds", "gauge", (), "When Kafka last said what departments have read."
)
DISK_FREE = Definition("koikarper_disk_free_bytes", "gauge", ("part",), "Room left on the disk of a part.")
DISK_SIZE = Definition("koikarper_disk_size_bytes", "gauge", ("part",), "Size of the disk of a part.")
DATABASE_SIZE = Definition("koikarper_database_size_bytes", "gauge", (), "Size of the ledger's database on its disk.")

DEFINITIONS: tuple[Definition, ...] = (
    SIGNALS,
    SIGNALS_OPEN,
    SIGNALS_CLOSED,
    ASSIGNMENTS_OPEN,
    OLDEST,
    AGE,
    OVERDUE,
    NEXT_DEADLINE,
    DEADLINES,
    WAIT,
    ANSWERS,
    LONGEST,
    ESCALATIONS,
    PRECEDENTS,
    PATTERNS_OPEN,
    OUTBOX_ROWS,
    OUTBOX_OLDEST,
    READ_UNTIL,
    DEAD_LETTERS,
    DEAD_LETTERS_OPEN,
    CANARY_ROUNDTRIP,
    CANARY_LAST_SUCCESS,
    SNAPSHOT,
)
"""Those of contract 4, in its order."""

ADDED: tuple[Definition, ...] = (UNREAD, UNREAD_AT, DISK_FREE, DISK_SIZE, DATABASE_SIZE)
"""Those that are not in the contract."""
