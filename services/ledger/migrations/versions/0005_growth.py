"""Indexes for much that is recorded: what waits is read from one alone, and those of the record take a third."""

import sqlalchemy as sa
from alembic import op

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None

OPEN = sa.text("state in ('waiting', 'acknowledged')")
WAITS = ("state", "waiting_since", "acknowledge_by", "resolve_first", "resolve_by", "acknowledge", "resolve", "signal")
RESOLVED = sa.text("state = 'resolved'")
GRIEVANCE = sa.text("kind = 'grievance-reported' and state <> 'closed'")
ENDED = sa.text("state in ('resolved', 'handed-over')")


def upgrade() -> None:
    op.drop_index("assignment_open", table_name="assignment")
    op.create_index(
        "assignment_open",
        "assignment",
        ["department", "kind"],
        unique=False,
        postgresql_include=WAITS,
        postgresql_where=OPEN,
    )
    op.create_index(
        "assignment_asked",
        "assignment",
        ["department", "kind"],
        unique=False,
        postgresql_include=("signal", "confirm"),
        postgresql_where=RESOLVED,
    )
    op.create_index(
        "assignment_ended", "assignment", ["state", "waiting_since", "id"], unique=False, postgresql_where=ENDED
    )
    op.create_index(
        "signal_asked",
        "signal",
        ["id"],
        unique=False,
        postgresql_include=("proposed_at", "confirm_by"),
        postgresql_where=RESOLVED,
    )
    op.create_index(
        "signal_grievance",
        "signal",
        ["id"],
        unique=False,
        postgresql_include=("happened_on", "state"),
        postgresql_where=GRIEVANCE,
    )
    op.drop_index("record_signal", table_name="record")
    op.create_index("record_signal", "record", ["signal"], unique=False)
    op.create_index("record_unknown", "record", ["at", "seq"], unique=False, postgresql_where=sa.text("signal is null"))


def downgrade() -> None:
    op.drop_index("record_unknown", table_name="record", postgresql_where=sa.text("signal is null"))
    op.drop_index("record_signal", table_name="record")
    op.create_index("record_signal", "record", ["signal", "at", "seq"], unique=False)
    op.drop_index("signal_grievance", table_name="signal", postgresql_where=GRIEVANCE)
    op.drop_index("signal_asked", table_name="signal", postgresql_where=RESOLVED)
    op.drop_index("assignment_ended", table_name="assignment", postgresql_where=ENDED)
    op.drop_index("assignment_asked", table_name="assignment", postgresql_where=RESOLVED)
    op.drop_index("assignment_open", table_name="assignment", postgresql_where=OPEN)
    op.create_index(
        "assignment_open",
        "assignment",
        ["department", "kind", "state", "waiting_since"],
        unique=False,
        postgresql_where=OPEN,
    )
