"""The role as which the services of one machine connect: it owns no table, so none of them can change the record."""

from urllib.parse import quote, urlsplit, urlunsplit

import asyncpg

ROLE = "koikarper_services"

_MAKE = """
    do $$ begin
        if not exists (select 1 from pg_roles where rolname = 'koikarper_services') then
            create role koikarper_services;
        end if;
    end $$
"""


async def services_database(owner: str, password: str) -> str:
    """Make the role where it is not there yet; the URL with which the services connect.

    `owner` is the URL of the owner of the database; `password` holds letters, digits, `-` and `_` only.
    """
    connection = await asyncpg.connect(owner, timeout=10)
    try:
        await connection.execute(_MAKE)
        await connection.execute(f"alter role {ROLE} login password '{password}'")
    finally:
        await connection.close()
    parts = urlsplit(owner)
    return urlunsplit(parts._replace(netloc=f"{ROLE}:{quote(password)}@{parts.hostname}:{parts.port}"))
