"""The ledger's tables. SQLModel declares them, serves reads and migrations; the batch transaction is set-based SQL.

Every moment is `timestamptz` in UTC. The schema is the connection's search path: a replay or a test has its own.
"""

from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import (
    ARRAY,
    JSON,
    BigInteger,
    Column,
    Computed,
    DateTime,
    Identity,
    Index,
    LargeBinary,
    MetaData,
    Sequence,
    Text,
)
from sqlalchemy import text as sql
from sqlalchemy.dialects.postgresql import JSONB
from sqlmodel import Field, SQLModel


class Table(SQLModel):
    """The base of the ledger's tables, with their own metadata."""

    metadata = MetaData()


SEAL_NUMBERS = Sequence("seal_id", metadata=Table.metadata)
"""Drawn while a partition's row in `reading` is held, so that they rise in the order of its seals."""

HAPPENED_ON = "CASE WHEN kind::text = 'grievance-reported'::text THEN report ->> 'happenedOn'::text ELSE NULL::text END"
"""As PostgreSQL itself tells the expression, so that a comparison finds it equal; other kinds' reports stay unread."""


def _moment(**options: Any) -> Any:
    return Field(sa_type=DateTime(timezone=True), **options)


class IdentityRow(Table, table=True):
    """Which event has been recorded (`identities.py`): lean, unique for ever, and so never partitioned (design 5)."""

    __tablename__ = "identity"

    key: UUID = Field(primary_key=True)  # of the hash of its source and id, which stand in the record
    digest: bytes = Field(sa_type=LargeBinary)


class RecordRow(Table, table=True):
    """The record: every event once, as it was sent, in the order in which the ledger took it in; only ever appended."""

    __tablename__ = "record"
    __table_args__ = (
        # The few events of a signal are sorted when they are asked for: by its id alone, equal ones share their entry.
        Index("record_signal", "signal"),
        Index("record_unknown", "at", "seq", postgresql_where=sql("signal is null")),
        Index("record_seal", "seal", postgresql_using="brin"),  # seals rise with the rows: tiny, and enough to verify
    )

    seq: int = Field(sa_column=Column(BigInteger, Identity(always=True), primary_key=True))
    topic: str
    partition: int
    offset: int = Field(sa_type=BigInteger)
    at: datetime = _moment()
    source: str
    id: str
    type: str
    signal: UUID | None = None
    sender: str  # "team:noord", "department:permits"
    refused: str | None = None  # the code with which it was refused
    body: bytes = Field(sa_type=LargeBinary)
    seal: int = Field(sa_type=BigInteger)


class SealRow(Table, table=True):
    """What one batch added to the record from one partition, sealed (`sealing.py`); only ever appended."""

    __tablename__ = "seal"

    id: int = Field(sa_column=Column(BigInteger, SEAL_NUMBERS, primary_key=True, autoincrement=False))
    topic: str
    partition: int
    agreements: str  # the version in force
    rows: int
    hash: bytes = Field(sa_type=LargeBinary)
    sealed_at: datetime = _moment(sa_column_kwargs={"server_default": sql("clock_timestamp()")})


class PassageRow(Table, table=True):
    """How far time had passed, where the record cannot tell (`passages.py`); only ever appended."""

    __tablename__ = "passage"
    __table_args__ = (Index("passage_signal", "signal", "after", "nr"),)

    nr: int = Field(sa_column=Column(BigInteger, Identity(always=True), primary_key=True))
    signal: UUID
    after: int = Field(sa_type=BigInteger)  # the row of the record after which it passed
    until: datetime | None = _moment(default=None)  # every moment before it; null: all that were to come
    agreements: str | None = None  # the version by which a retired department's work was handed over; null: it was not


class SignalRow(Table, table=True):
    """The state of a signal, folded from the record."""

    __tablename__ = "signal"
    __table_args__ = (
        Index("signal_list", "waiting_since", "id"),
        Index("signal_team", "team", "waiting_since", "id"),
        Index("signal_open", "kind", "state", postgresql_where=sql("state <> 'closed'")),
        Index(
            "signal_unspoken",
            "waiting_since",
            "id",
            postgresql_where=sql("contact_on is null and state <> 'closed'"),
        ),
        Index("signal_moment", "next_moment_at", postgresql_where=sql("next_moment_at is not null")),
        Index("signal_rules", "rules", postgresql_using="gin"),
        Index(
            "signal_asked",
            "id",
            postgresql_include=("proposed_at", "confirm_by"),
            postgresql_where=sql("state = 'resolved'"),
        ),
        Index(
            "signal_grievance",
            "id",
            postgresql_include=("happened_on", "state"),
            postgresql_where=sql("kind = 'grievance-reported' and state <> 'closed'"),
        ),
        {"postgresql_with": {"fillfactor": "80"}},
    )

    id: UUID = Field(primary_key=True)
    kind: str
    team: str
    neighbourhood: str
    rules: list[str] = Field(sa_column=Column(ARRAY(Text), nullable=False))  # the codes of the rules that it names
    report: dict[str, Any] = Field(sa_type=JSON)  # JSON, not JSONB: told again byte for byte
    # Of a grievance, as given: 1998, 1998-05 or 1998-05-01; in the order of characters the earliest comes first.
    happened_on: str | None = Field(default=None, sa_column=Column(Text, Computed(HAPPENED_ON, persisted=True)))
    state: str
    waiting_since: datetime = _moment()
    last_at: datetime = _moment()
    hand_overs: int
    proposed_at: datetime | None = _moment(default=None)
    confirm_by: datetime | None = _moment(default=None)
    closed_at: datetime | None = _moment(default=None)
    how: str | None = None
    contact_on: datetime | None = _moment(default=None)
    moments: list[dict[str, Any]] = Field(sa_type=JSONB)
    next_moment_at: datetime | None = _moment(default=None)


class AssignmentRow(Table, table=True):
    """The state of an assignment, with both its clocks."""

    __tablename__ = "assignment"
    __table_args__ = (
        Index("assignment_signal", "signal"),
        Index("assignment_waiting", "waiting_since", "id"),
        Index(
            "assignment_longest",
            "waiting_since",
            "id",
            postgresql_where=sql("state in ('waiting', 'acknowledged')"),
        ),
        Index("assignment_precedent", "resolved_at", "id", postgresql_where=sql("custom_solution is not null")),
        Index("assignment_department", "department", "waiting_since", "id"),
        # These hold all that is asked about what waits: the rows themselves are not read.
        Index(
            "assignment_open",
            "department",
            "kind",
            postgresql_include=(
                "state",
                "waiting_since",
                "acknowledge_by",
                "resolve_first",
                "resolve_by",
                "acknowledge",
                "resolve",
                "signal",
            ),
            postgresql_where=sql("state in ('waiting', 'acknowledged')"),
        ),
        Index(
            "assignment_asked",
            "department",
            "kind",
            postgresql_include=("signal", "confirm"),
            postgresql_where=sql("state = 'resolved'"),
        ),
        Index(
            "assignment_ended",
            "state",
            "waiting_since",
            "id",
            postgresql_where=sql("state in ('resolved', 'handed-over')"),
        ),
        {"postgresql_with": {"fillfactor": "80"}},
    )

    id: UUID = Field(primary_key=True)
    signal: UUID
    department: str
    round: int
    kind: str
    because: str
    agreements: str
    promise: str
    state: str
    waiting_since: datetime = _moment()
    assigned_at: datetime = _moment()
    acknowledge_by: datetime = _moment()
    resolve_first: datetime = _moment()
    resolve_by: datetime = _moment()
    last_at: datetime = _moment()
    extensions: int
    acknowledged_at: datetime | None = _moment(default=None)
    resolved_at: datetime | None = _moment(default=None)
    ended_at: datetime | None = _moment(default=None)
    stood_at: datetime | None = _moment(default=None)
    acknowledge: str | None = None
    resolve: str | None = None
    resolve_inherited: bool
    confirm: str | None = None
    asked_at: datetime | None = _moment(default=None)
    answered_at: datetime | None = _moment(default=None)
    outcome: str | None = None
    explanation: str | None = None
    custom_solution: dict[str, Any] | None = Field(default=None, sa_type=JSONB)
    contested: int
    handed_over_from: str | None = None
    handed_over_to: str | None = None
    moments: list[dict[str, Any]] = Field(sa_type=JSONB)


class ReadingRow(Table, table=True):
    """How far the ledger has read each partition, and who reads it now; neither offset nor moment ever goes back."""

    __tablename__ = "reading"

    topic: str = Field(primary_key=True)
    partition: int = Field(primary_key=True)
    next_offset: int = Field(sa_type=BigInteger)
    read_until: datetime | None = _moment(default=None)
    owner: str
    head: bytes | None = Field(default=None, sa_type=LargeBinary)  # the last seal over what was read from it


class CounterRow(Table, table=True):
    """What was counted for good (`counting.py`): added to in the transaction of what it counts, and never less."""

    __tablename__ = "counter"
    # Few rows, written again and again: room on their pages, and vacuumed by count.
    __table_args__ = (
        {
            "postgresql_with": {
                "fillfactor": "50",
                "autovacuum_vacuum_scale_factor": "0",
                "autovacuum_vacuum_threshold": "1000",
            }
        },
    )

    name: str = Field(primary_key=True)
    labels: str = Field(primary_key=True)
    value: int = Field(sa_type=BigInteger)


class OutboxRow(Table, table=True):
    """What is still to be published, in order; the relay deletes exactly the rows that it sent."""

    __tablename__ = "outbox"
    # Insert and delete only: vacuumed by count, or every scan walks the rows that are gone.
    __table_args__ = (
        {"postgresql_with": {"autovacuum_vacuum_scale_factor": "0", "autovacuum_vacuum_threshold": "1000"}},
    )

    seq: int = Field(sa_column=Column(BigInteger, Identity(always=True), primary_key=True))
    signal: UUID | None = None
    topic: str
    key: bytes | None = Field(default=None, sa_type=LargeBinary)
    value: bytes | None = Field(default=None, sa_type=LargeBinary)
    # [name, base64]; null: a structured event. JSON, for JSONB cannot hold a NUL in a header's name.
    headers: list[list[str]] | None = Field(default=None, sa_type=JSON)
    written_at: datetime = _moment(sa_column_kwargs={"server_default": sql("clock_timestamp()")})


class DeadLetterRow(Table, table=True):
    """A record that the ledger could not read, kept with all its bytes until somebody retries or discards it.

    Settling empties `key`, `value` and `headers`: a retried one then lies on `loop.retries`, and of a discarded one,
    which may hold what must not be kept, only the account of it stays.
    """

    __tablename__ = "dead_letter"
    # Few, and each changed once: vacuumed by count, for the bytes that settling drops are the most of it.
    __table_args__ = (
        Index("dead_letter_open", "topic", "reason", "nr", postgresql_where=sql("state = 'open'")),
        Index("dead_letter_place", "topic", "partition", "offset"),
        {"postgresql_with": {"autovacuum_vacuum_scale_factor": "0", "autovacuum_vacuum_threshold": "1000"}},
    )

    nr: int = Field(sa_column=Column(BigInteger, Identity(always=True), primary_key=True))
    topic: str  # where it was first received, as the counter labels it; a retried one that fails again is there too
    partition: int
    offset: int = Field(sa_type=BigInteger)
    received_at: datetime = _moment()  # the broker's moment there: by this one it counts once it is mended
    read_topic: str  # where it was read this time: the same place, or one on `loop.retries`
    read_partition: int
    read_offset: int = Field(sa_type=BigInteger)
    at: datetime = _moment(sa_column_kwargs={"server_default": sql("clock_timestamp()")})  # when it was set apart
    reason: str
    message: str
    attempts: int
    sender: str | None = None  # "team:noord", where the topic says whose it is
    size: int = Field(sa_type=BigInteger)  # bytes of the whole record's value
    whole: bool  # False: too large to be kept whole, so it cannot be retried
    key: bytes | None = Field(default=None, sa_type=LargeBinary)
    value: bytes | None = Field(default=None, sa_type=LargeBinary)
    headers: list[list[str]] | None = Field(default=None, sa_type=JSON)  # as in the outbox, those that say why included
    state: str = Field(sa_column_kwargs={"server_default": "open"})  # open, retried, discarded
    settled_at: datetime | None = _moment(default=None)
    settled_by: str | None = None
    settled_because: str | None = None


class AgreementsRow(Table, table=True):
    """Every version of the agreements under which a promise may have been made."""

    __tablename__ = "agreements"

    version: str = Field(primary_key=True)
    text: str
    first_seen: datetime = _moment(sa_column_kwargs={"server_default": sql("clock_timestamp()")})
