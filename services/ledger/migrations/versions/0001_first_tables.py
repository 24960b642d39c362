"""The ledger's first tables: record, identities, state, counters, offsets, outbox, agreements."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects.postgresql import JSONB

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None


def upgrade() -> None:
    _agreements()
    _assignment()
    _counter()
    _identity()
    _outbox()
    _reading()
    _record()
    _signal()


def _agreements() -> None:
    op.create_table(
        "agreements",
        sa.Column("version", sa.String(), nullable=False),
        sa.Column("text", sa.String(), nullable=False),
        sa.Column(
            "first_seen", sa.DateTime(timezone=True), server_default=sa.text("clock_timestamp()"), nullable=False
        ),
        sa.PrimaryKeyConstraint("version"),
    )


def _assignment() -> None:
    op.create_table(
        "assignment",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("signal", sa.Uuid(), nullable=False),
        sa.Column("department", sa.String(), nullable=False),
        sa.Column("round", sa.Integer(), nullable=False),
        sa.Column("kind", sa.String(), nullable=False),
        sa.Column("because", sa.String(), nullable=False),
        sa.Column("agreements", sa.String(), nullable=False),
        sa.Column("promise", sa.String(), nullable=False),
        sa.Column("state", sa.String(), nullable=False),
        sa.Column("waiting_since", sa.DateTime(timezone=True), nullable=False),
        sa.Column("assigned_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("acknowledge_by", sa.DateTime(timezone=True), nullable=False),
        sa.Column("resolve_first", sa.DateTime(timezone=True), nullable=False),
        sa.Column("resolve_by", sa.DateTime(timezone=True), nullable=False),
        sa.Column("last_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("extensions", sa.Integer(), nullable=False),
        sa.Column("acknowledged_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("resolved_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("ended_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("stood_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("acknowledge", sa.String(), nullable=True),
        sa.Column("resolve", sa.String(), nullable=True),
        sa.Column("resolve_inherited", sa.Boolean(), nullable=False),
        sa.Column("confirm", sa.String(), nullable=True),
        sa.Column("asked_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("answered_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("outcome", sa.String(), nullable=True),
        sa.Column("explanation", sa.String(), nullable=True),
        sa.Column("custom_solution", JSONB(), nullable=True),
        sa.Column("contested", sa.Integer(), nullable=False),
        sa.Column("handed_over_from", sa.String(), nullable=True),
        sa.Column("handed_over_to", sa.String(), nullable=True),
        sa.Column("moments", JSONB(), nullable=False),
        sa.PrimaryKeyConstraint("id"),
        postgresql_with={"fillfactor": "80"},
    )
    op.create_index("assignment_department", "assignment", ["department", "waiting_since", "id"], unique=False)
    op.create_index(
        "assignment_longest",
        "assignment",
        ["waiting_since", "id"],
        unique=False,
        postgresql_where=sa.text("state in ('waiting', 'acknowledged')"),
    )
    op.create_index(
        "assignment_open",
        "assignment",
        ["department", "kind", "state", "waiting_since"],
        unique=False,
        postgresql_where=sa.text("state in ('waiting', 'acknowledged')"),
    )
    op.create_index(
        "assignment_precedent",
        "assignment",
        ["resolved_at", "id"],
        unique=False,
        postgresql_where=sa.text("custom_solution is not null"),
    )
    op.create_index("assignment_signal", "assignment", ["signal"], unique=False)
    op.create_index("assignment_waiting", "assignment", ["waiting_since", "id"], unique=False)


def _counter() -> None:
    op.create_table(
        "counter",
        sa.Column("name", sa.String(), nullable=False),
        sa.Column("labels", sa.String(), nullable=False),
        sa.Column("value", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("name", "labels"),
        postgresql_with={
            "fillfactor": "50",
            "autovacuum_vacuum_scale_factor": "0",
            "autovacuum_vacuum_threshold": "1000",
        },
    )


def _identity() -> None:
    op.create_table(
        "identity",
        sa.Column("source", sa.String(), nullable=False),
        sa.Column("id", sa.String(), nullable=False),
        sa.Column("digest", sa.LargeBinary(), nullable=False),
        sa.PrimaryKeyConstraint("source", "id"),
    )


def _outbox() -> None:
    op.create_table(
        "outbox",
        sa.Column("seq", sa.BigInteger(), sa.Identity(always=True), nullable=False),
        sa.Column("signal", sa.Uuid(), nullable=True),
        sa.Column("topic", sa.String(), nullable=False),
        sa.Column("key", sa.LargeBinary(), nullable=True),
        sa.Column("value", sa.LargeBinary(), nullable=True),
        sa.Column("headers", sa.JSON(), nullable=True),
        sa.Column(
            "written_at", sa.DateTime(timezone=True), server_default=sa.text("clock_timestamp()"), nullable=False
        ),
        sa.PrimaryKeyConstraint("seq"),
        postgresql_with={"autovacuum_vacuum_scale_factor": "0", "autovacuum_vacuum_threshold": "1000"},
    )


def _reading() -> None:
    op.create_table(
        "reading",
        sa.Column("topic", sa.String(), nullable=False),
        sa.Column("partition", sa.Integer(), nullable=False),
        sa.Column("next_offset", sa.BigInteger(), nullable=False),
        sa.Column("read_until", sa.DateTime(timezone=True), nullable=True),
        sa.Column("owner", sa.String(), nullable=False),
        sa.PrimaryKeyConstraint("topic", "partition"),
    )


def _record() -> None:
    op.create_table(
        "record",
        sa.Column("seq", sa.BigInteger(), sa.Identity(always=True), nullable=False),
        sa.Column("topic", sa.String(), nullable=False),
        sa.Column("partition", sa.Integer(), nullable=False),
        sa.Column("offset", sa.BigInteger(), nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("source", sa.String(), nullable=False),
        sa.Column("id", sa.String(), nullable=False),
        sa.Column("type", sa.String(), nullable=False),
        sa.Column("signal", sa.Uuid(), nullable=True),
        sa.Column("sender", sa.String(), nullable=False),
        sa.Column("refused", sa.String(), nullable=True),
        sa.Column("body", sa.LargeBinary(), nullable=False),
        sa.PrimaryKeyConstraint("seq"),
    )
    op.create_index("record_signal", "record", ["signal", "at", "seq"], unique=False)


def _signal() -> None:
    op.create_table(
        "signal",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("kind", sa.String(), nullable=False),
        sa.Column("team", sa.String(), nullable=False),
        sa.Column("neighbourhood", sa.String(), nullable=False),
        sa.Column("rules", sa.ARRAY(sa.Text()), nullable=False),
        sa.Column("report", sa.JSON(), nullable=False),
        sa.Column(
            "happened_on",
            sa.Text(),
            sa.Computed("case when kind = 'grievance-reported' then report ->> 'happenedOn' end", persisted=True),
            nullable=True,
        ),
        sa.Column("state", sa.String(), nullable=False),
        sa.Column("waiting_since", sa.DateTime(timezone=True), nullable=False),
        sa.Column("last_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("hand_overs", sa.Integer(), nullable=False),
        sa.Column("proposed_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("confirm_by", sa.DateTime(timezone=True), nullable=True),
        sa.Column("closed_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("how", sa.String(), nullable=True),
        sa.Column("contact_on", sa.DateTime(timezone=True), nullable=True),
        sa.Column("moments", JSONB(), nullable=False),
        sa.Column("next_moment_at", sa.DateTime(timezone=True), nullable=True),
        sa.PrimaryKeyConstraint("id"),
        postgresql_with={"fillfactor": "80"},
    )
    op.create_index("signal_list", "signal", ["waiting_since", "id"], unique=False)
    op.create_index(
        "signal_moment",
        "signal",
        ["next_moment_at"],
        unique=False,
        postgresql_where=sa.text("next_moment_at is not null"),
    )
    op.create_index(
        "signal_open", "signal", ["kind", "state"], unique=False, postgresql_where=sa.text("state <> 'closed'")
    )
    op.create_index("signal_rules", "signal", ["rules"], unique=False, postgresql_using="gin")
    op.create_index("signal_team", "signal", ["team", "waiting_since", "id"], unique=False)
    op.create_index(
        "signal_unspoken",
        "signal",
        ["waiting_since", "id"],
        unique=False,
        postgresql_where=sa.text("contact_on is null and state <> 'closed'"),
    )


def downgrade() -> None:
    op.drop_index(
        "signal_unspoken", table_name="signal", postgresql_where=sa.text("contact_on is null and state <> 'closed'")
    )
    op.drop_index("signal_team", table_name="signal")
    op.drop_index("signal_rules", table_name="signal", postgresql_using="gin")
    op.drop_index("signal_open", table_name="signal", postgresql_where=sa.text("state <> 'closed'"))
    op.drop_index("signal_moment", table_name="signal", postgresql_where=sa.text("next_moment_at is not null"))
    op.drop_index("signal_list", table_name="signal")
    op.drop_table("signal")
    op.drop_index("record_signal", table_name="record")
    op.drop_table("record")
    op.drop_table("reading")
    op.drop_table("outbox")
    op.drop_table("identity")
    op.drop_table("counter")
    op.drop_index("assignment_waiting", table_name="assignment")
    op.drop_index("assignment_signal", table_name="assignment")
    op.drop_index(
        "assignment_precedent", table_name="assignment", postgresql_where=sa.text("custom_solution is not null")
    )
    op.drop_index(
        "assignment_open", table_name="assignment", postgresql_where=sa.text("state in ('waiting', 'acknowledged')")
    )
    op.drop_index(
        "assignment_longest", table_name="assignment", postgresql_where=sa.text("state in ('waiting', 'acknowledged')")
    )
    op.drop_index("assignment_department", table_name="assignment")
    op.drop_table("assignment")
    op.drop_table("agreements")
