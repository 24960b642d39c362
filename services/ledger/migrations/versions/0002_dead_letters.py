"""Dead letters that can be listed, retried and discarded; those of before this version lie on their topic only."""

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "dead_letter",
        sa.Column("nr", sa.BigInteger(), sa.Identity(always=True), nullable=False),
        sa.Column("topic", sa.String(), nullable=False),
        sa.Column("partition", sa.Integer(), nullable=False),
        sa.Column("offset", sa.BigInteger(), nullable=False),
        sa.Column("received_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("read_topic", sa.String(), nullable=False),
        sa.Column("read_partition", sa.Integer(), nullable=False),
        sa.Column("read_offset", sa.BigInteger(), nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), server_default=sa.text("clock_timestamp()"), nullable=False),
        sa.Column("reason", sa.String(), nullable=False),
        sa.Column("message", sa.String(), nullable=False),
        sa.Column("attempts", sa.Integer(), nullable=False),
        sa.Column("sender", sa.String(), nullable=True),
        sa.Column("size", sa.BigInteger(), nullable=False),
        sa.Column("whole", sa.Boolean(), nullable=False),
        sa.Column("key", sa.LargeBinary(), nullable=True),
        sa.Column("value", sa.LargeBinary(), nullable=True),
        sa.Column("headers", sa.JSON(), nullable=True),
        sa.Column("state", sa.String(), server_default="open", nullable=False),
        sa.Column("settled_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("settled_by", sa.String(), nullable=True),
        sa.Column("settled_because", sa.String(), nullable=True),
        sa.PrimaryKeyConstraint("nr"),
        postgresql_with={"autovacuum_vacuum_scale_factor": "0", "autovacuum_vacuum_threshold": "1000"},
    )
    op.create_index(
        "dead_letter_open",
        "dead_letter",
        ["topic", "reason", "nr"],
        unique=False,
        postgresql_where=sa.text("state = 'open'"),
    )
    op.create_index("dead_letter_place", "dead_letter", ["topic", "partition", "offset"], unique=False)


def downgrade() -> None:
    op.drop_index("dead_letter_place", table_name="dead_letter")
    op.drop_index("dead_letter_open", table_name="dead_letter", postgresql_where=sa.text("state = 'open'"))
    op.drop_table("dead_letter")
