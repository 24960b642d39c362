"""Seals over the record, and a record that only grows: nobody changes or removes a row in silence (BIO2 8.15)."""

from collections.abc import Iterator

import sqlalchemy as sa
from alembic import op

from services.ledger.sealing import FIRST, SealedRow, seal

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None

APPEND_ONLY = ("record", "seal")
BATCH = 500
UNKNOWN_VERSION = ""  # what was recorded before there were seals does not say under which agreements


def upgrade() -> None:
    op.execute(sa.schema.CreateSequence(sa.Sequence("seal_id")))
    op.create_table(
        "seal",
        sa.Column("id", sa.BigInteger(), nullable=False),
        sa.Column("topic", sa.String(), nullable=False),
        sa.Column("partition", sa.Integer(), nullable=False),
        sa.Column("agreements", sa.String(), nullable=False),
        sa.Column("rows", sa.Integer(), nullable=False),
        sa.Column("hash", sa.LargeBinary(), nullable=False),
        sa.Column("sealed_at", sa.DateTime(timezone=True), server_default=sa.text("clock_timestamp()"), nullable=False),
        sa.PrimaryKeyConstraint("id"),
    )
    op.add_column("reading", sa.Column("head", sa.LargeBinary(), nullable=True))
    op.add_column("record", sa.Column("seal", sa.BigInteger(), nullable=True))
    _seal_what_is_there()
    op.alter_column("record", "seal", nullable=False)
    _older_ledgers_wait()
    op.create_index("record_seal", "record", ["seal"], unique=False, postgresql_using="brin")
    _only_append()


def _seal_what_is_there() -> None:
    """Per partition, in the order of the record."""
    connection = op.get_bind()
    heads: dict[tuple[str, int], bytes] = {}
    for (topic, partition), rows in _batches(connection):
        before = heads.get((topic, partition), FIRST)
        sealed = heads[topic, partition] = seal(before, topic, partition, UNKNOWN_VERSION, [row for _, row in rows])
        number = connection.scalar(sa.text("select nextval('seal_id')"))
        connection.execute(
            sa.text("""
                insert into seal (id, topic, partition, agreements, rows, hash)
                values (:id, :topic, :partition, :agreements, :rows, :hash)
            """),
            {"id": number, "topic": topic, "partition": partition, "agreements": UNKNOWN_VERSION}
            | {"rows": len(rows), "hash": sealed},
        )
        connection.execute(
            sa.text("update record set seal = :seal where seq = any(:rows)"),
            {"seal": number, "rows": [seq for seq, _ in rows]},
        )
    for (topic, partition), head in heads.items():
        connection.execute(
            sa.text("update reading set head = :head where topic = :topic and partition = :partition"),
            {"head": head, "topic": topic, "partition": partition},
        )


def _batches(connection: sa.Connection) -> Iterator[tuple[tuple[str, int], list[tuple[int, SealedRow]]]]:
    places = connection.execute(sa.text("select distinct topic, partition from record order by 1, 2")).all()
    for topic, partition in places:
        last = 0
        while rows := connection.execute(
            sa.text("""
                select seq, topic, partition, "offset", at, source, id, type, signal, sender, refused, body
                from record where topic = :topic and partition = :partition and seq > :last order by seq limit :limit
            """),
            {"topic": topic, "partition": partition, "last": last, "limit": BATCH},
        ).all():
            last = rows[-1].seq
            yield (topic, partition), [(row.seq, SealedRow(*row[1:])) for row in rows]


def _older_ledgers_wait() -> None:
    """A ledger of before the seals names none. A null is the record's fault to it: all it reads became a dead letter.

    This error is one of the deployment's, for which it waits, until the new version is started.
    """
    op.execute("""
        create function older_ledger() returns bigint language plpgsql as $$
        begin
            raise exception 'this ledger is older than its tables: start the new version'
                using errcode = 'insufficient_privilege';
        end $$
    """)
    op.execute("alter table record alter column seal set default older_ledger()")


def _only_append() -> None:
    """Also for the owner of the tables: who means it must first drop the trigger, and that can be seen."""
    op.execute("""
        create function refuse_change() returns trigger language plpgsql as $$
        begin
            raise exception '% only grows: % is refused', tg_table_name, lower(tg_op)
                using errcode = 'insufficient_privilege';
        end $$
    """)
    for table in APPEND_ONLY:
        op.execute(f"""
            create trigger {table}_only_grows before update or delete or truncate on "{table}"
            for each statement execute function refuse_change()
        """)


def downgrade() -> None:
    for table in APPEND_ONLY:
        op.execute(f'drop trigger {table}_only_grows on "{table}"')
    op.execute("drop function refuse_change()")
    op.drop_index("record_seal", table_name="record", postgresql_using="brin")
    op.drop_column("record", "seal")
    op.execute("drop function older_ledger()")
    op.drop_column("reading", "head")
    op.drop_table("seal")
    op.execute(sa.schema.DropSequence(sa.Sequence("seal_id")))
