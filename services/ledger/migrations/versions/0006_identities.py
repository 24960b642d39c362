"""Identities by 16 bytes of a hash instead of by two texts: a third of the index, in which each event looks.

A new table is written from the old one, in its order, and takes its place: no row is copied through this program, the
index is sorted within `maintenance_work_mem`, and the disk holds both until the end. Ledgers wait meanwhile.
"""

import sqlalchemy as sa
from alembic import op

revision = "0006"
down_revision = "0005"
branch_labels = None
depends_on = None

# As `identities.key_of`; here in its own words, for a migration never changes.
KEY = "encode(substr(sha256(convert_to(length(source) || ':' || source || id, 'UTF8')), 1, 16), 'hex')::uuid"


def upgrade() -> None:
    op.execute("lock table identity in access exclusive mode")
    op.create_table(
        "identity_by_key",
        sa.Column("key", sa.Uuid(), nullable=False),
        sa.Column("digest", sa.LargeBinary(), nullable=False),
    )
    op.execute(f"insert into identity_by_key (key, digest) select {KEY}, digest from identity")  # noqa: S608 - a constant of this file
    op.drop_table("identity")
    op.rename_table("identity_by_key", "identity")
    op.create_primary_key("identity_pkey", "identity", ["key"])


def downgrade() -> None:
    """The texts are taken from the record again, which has every event that has an identity."""
    op.execute("lock table identity in access exclusive mode")
    op.create_table(
        "identity_by_texts",
        sa.Column("source", sa.String(), nullable=False),
        sa.Column("id", sa.String(), nullable=False),
        sa.Column("digest", sa.LargeBinary(), nullable=False),
    )
    op.execute(f"""
        insert into identity_by_texts (source, id, digest)
        select source, id, digest from (select source, id, {KEY} as key from record) as record
        join identity using (key)
    """)  # noqa: S608 - as above
    op.drop_table("identity")
    op.rename_table("identity_by_texts", "identity")
    op.create_primary_key("identity_pkey", "identity", ["source", "id"])
