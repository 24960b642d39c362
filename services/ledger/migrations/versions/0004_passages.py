"""How far time had passed where the record cannot tell: without it nobody could fold the record again to the row."""

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "passage",
        sa.Column("nr", sa.BigInteger(), sa.Identity(always=True), nullable=False),
        sa.Column("signal", sa.Uuid(), nullable=False),
        sa.Column("after", sa.BigInteger(), nullable=False),
        sa.Column("until", sa.DateTime(timezone=True), nullable=True),
        sa.Column("agreements", sa.String(), nullable=True),
        sa.PrimaryKeyConstraint("nr"),
    )
    op.create_index("passage_signal", "passage", ["signal", "after", "nr"], unique=False)
    op.execute("""
        create trigger passage_only_grows before update or delete or truncate on passage
        for each statement execute function refuse_change()
    """)


def downgrade() -> None:
    op.execute("drop trigger passage_only_grows on passage")
    op.drop_index("passage_signal", table_name="passage")
    op.drop_table("passage")
