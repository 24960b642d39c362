"""What was folded from the record takes the place of the live tables, which are kept aside under a dated schema.

All of it is one transaction: whatever dies, and whenever, the old tables stand or the new ones do. Readers read on
meanwhile; whoever would write waits, as for any lock, and writes into what stands then. The record, the identities,
the offsets and the outbox stay as they are: what waits there to be told is told.
"""

from dataclasses import dataclass, field
from datetime import UTC, datetime

from sqlalchemy import Connection, MetaData, text
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from events.signals import CANARY
from services.ledger.differing import Differences
from services.ledger.folding import TABLES, Progress, Result, fold_beside
from services.ledger.tables import Table
from services.ledger.verifying import verify
from services.runtime.database import transient_errors
from services.runtime.errors import KoikarperError

WRITERS = ("koikarper-ledger", "koikarper-timekeeper", "koikarper-relay")
"""As the services that write call themselves in `pg_stat_activity`."""
SCHEMA_LENGTH_MAX = 63

_CONNECTED = text("""
    select application_name as name, count(*) as sessions from pg_stat_activity
    where datname = current_database() and application_name = any(:names) group by 1 order by 1
""")
# The first statement: a view of the moment after the lock, not before it.
_LOCK = text("lock table reading, signal, assignment, counter in exclusive mode")
_NAMES = text("""
    select relnamespace::regnamespace::text as live, quote_ident(:folded) as folded, quote_ident(:aside) as aside
    from pg_class where oid = 'record'::regclass
""")
_RIGHTS = text("""
    select coalesce(quote_ident(pg_roles.rolname), 'public') as role, string_agg(right_.privilege_type, ', ') as rights
    from pg_class, aclexplode(relacl) as right_ left join pg_roles on pg_roles.oid = right_.grantee
    where pg_class.oid = cast(:table as regclass) group by 1
""")
_OWNER = text("select quote_ident(pg_get_userbyid(relowner)) from pg_class where oid = cast(:table as regclass)")


class NotSwapped(KoikarperError):  # noqa: N818 - says what happened
    """The live tables stand as they stood, and the message says why."""


@dataclass(slots=True)
class Rebuilt:
    """What came of it; `aside` is the schema with the old tables, empty when nothing had to be swapped."""

    result: Result = field(default_factory=Result)
    aside: str = ""


async def connected(engine: AsyncEngine) -> dict[str, int]:
    """The services that write and are connected to this database, of whatever schema, with their sessions."""
    async with transient_errors(), engine.connect() as connection:
        rows = await connection.execute(_CONNECTED, {"names": list(WRITERS)})
        return {row.name: row.sessions for row in rows}


async def rebuild(engine: AsyncEngine, schema: str, at: datetime, progress: Progress = lambda _more: None) -> Rebuilt:
    """Fold the record, and swap what follows from it in where the live tables differ from it.

    `at` dates the old tables. Raises `NotSwapped` when the record itself is not to be trusted: its seals do not fit, or
    this version reads or decides an event otherwise than it was.
    """
    stamp = at.astimezone(UTC).strftime("_before_%Y%m%d_%H%M%S")
    aside = schema[: SCHEMA_LENGTH_MAX - len(stamp)] + stamp
    async with transient_errors(), engine.connect() as pooled:
        connection = await pooled.execution_options(isolation_level="REPEATABLE READ")
        async with connection.begin() as transaction:
            await connection.execute(_LOCK)
            swap = await _Swap.begin(connection, aside)
            result = await fold_beside(connection, swap.folded, progress)
            found = result.differences
            if not any(found.by_table[table] for table in TABLES):
                await transaction.rollback()
                return Rebuilt(result)
            await _trusted(connection, found)
            await swap.swap()
        return Rebuilt(result, aside)


async def _trusted(connection: AsyncConnection, found: Differences) -> None:
    ours = found.by_table["record"]
    if ours:
        one = next(one for one in found.kept if one.table == "record")
        raise NotSwapped(
            f"Nothing was swapped: this version of the software does not decide event {one.key} of the record as it "
            f"was decided ({one.field}: {one.live!r}, now {one.folded!r}); {ours} such. Use the version that did."
        )
    verified = await verify(connection, {})
    if verified.broken:
        raise NotSwapped(
            f"Nothing was swapped: the record was changed, {verified.broken} of its seals do not fit; koikarper verify "
            "says which."
        )


class _Swap:
    """The three schemas, their names quoted as SQL wants them."""

    def __init__(self, connection: AsyncConnection, live: str, folded: str, aside: str) -> None:
        self._connection = connection
        self.live = live
        self.folded = folded
        self.aside = aside

    @classmethod
    async def begin(cls, connection: AsyncConnection, aside: str) -> "_Swap":
        """Empty tables in a schema of their own; unqualified names mean them from now on."""
        name = aside.replace("_before_", "_folded_")
        live, folded, quoted = (await connection.execute(_NAMES, {"folded": name, "aside": aside})).one()
        swap = cls(connection, live, folded, quoted)
        await swap._say(f"create schema {folded}")
        await connection.run_sync(_create, name)
        await swap._say(f"set local search_path to {folded}, {live}, public")
        return swap

    async def swap(self) -> None:
        """The folded tables become the live ones, with their owner and rights, and the canary's rows."""
        for table in TABLES:
            await self._carry_canary(table)
            await self._like_the_old(table)
        await self._say(f"create schema {self.aside}")
        for table in TABLES:
            await self._say(f"alter table {self.live}.{table} set schema {self.aside}")
            await self._say(f"alter table {self.folded}.{table} set schema {self.live}")
            await self._say(f"analyze {self.live}.{table}")
        await self._say(f"drop schema {self.folded}")

    async def _carry_canary(self, table: str) -> None:
        columns = [column.name for column in Table.metadata.tables[table].columns if column.computed is None]
        if "kind" in columns:
            names = ", ".join(columns)
            own = f"select {names} from {self.live}.{table} where kind = '{CANARY}'"  # noqa: S608 - names of our own
            await self._say(f"insert into {self.folded}.{table} ({names}) {own}")

    async def _like_the_old(self, table: str) -> None:
        old = {"table": f"{self.live}.{table}"}
        owner = await self._connection.scalar(_OWNER, old)
        for row in (await self._connection.execute(_RIGHTS, old)).all():
            await self._say(f"grant {row.rights} on {self.folded}.{table} to {row.role}")
        await self._say(f"alter table {self.folded}.{table} owner to {owner}")

    async def _say(self, statement: str) -> None:
        await self._connection.execute(text(statement))


def _create(connection: Connection, schema: str) -> None:
    """The tables as they are declared, with the names of their indexes, by which later migrations know them."""
    declared = MetaData()
    for table in TABLES:
        Table.metadata.tables[table].to_metadata(declared, schema=schema)
    declared.create_all(connection, checkfirst=False)
