"""What the services' own role may do: what they do, and no more. Nobody who holds it can change the record."""

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

from services.runtime.errors import KoikarperError

APPENDED = "select, insert"
WRITTEN = "select, insert, update"
REMOVED = "select, insert, update, delete"
"""The canary's rounds are (`canaries.py`); what people say stands in the record, from which states can be folded."""
PUBLISHED = "select, insert, delete"

RIGHTS = {
    "agreements": APPENDED,
    "identity": APPENDED,
    "passage": APPENDED,
    "record": APPENDED,
    "seal": APPENDED,
    "assignment": REMOVED,
    "counter": WRITTEN,
    "dead_letter": WRITTEN,
    "reading": WRITTEN,
    "signal": REMOVED,
    "outbox": PUBLISHED,
}
"""By table; a test compares it with the tables that there are."""

_KNOWN = text("select exists (select 1 from pg_roles where rolname = :role)")
_QUOTED = text("select quote_ident(:schema), quote_ident(:role)")


class NoSuchRole(KoikarperError):  # noqa: N818 - says what happened
    """The role of the settings is not there."""


async def grant(connection: AsyncConnection, schema: str, role: str) -> None:
    """Give `role` the rights on the ledger's tables in `schema`, and take what it may have had besides.

    Raises `NoSuchRole`. The role itself, with its password, is made by whoever keeps the database.
    """
    if not await connection.scalar(_KNOWN, {"role": role}):
        raise NoSuchRole(f"the database has no role {role}: make it first (create role {role} login password …)")
    schema, role = (await connection.execute(_QUOTED, {"schema": schema, "role": role})).one()
    statements = [
        f"revoke all on all tables in schema {schema} from {role}",
        f"revoke all on all sequences in schema {schema} from {role}",
        f"grant usage on schema {schema} to {role}",
        *(f"grant {rights} on {schema}.{table} to {role}" for table, rights in RIGHTS.items()),
        f"grant usage on all sequences in schema {schema} to {role}",
    ]
    for statement in statements:
        await connection.execute(text(statement))
