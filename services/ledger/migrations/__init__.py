"""Migrations of the ledger's schema: `migrate` brings the schema of the settings to the newest one."""

from pathlib import Path

from alembic import command
from alembic.config import Config
from sqlalchemy import Connection, text

from services.ledger.migrations.rights import grant
from services.runtime.database import engine, transient_errors
from services.runtime.settings import Settings

LOCK_TIMEOUT = "10s"  # a migration that cannot get its lock gives up instead of stopping every reader behind it
STATEMENT_TIMEOUT = "15min"
_ONE_AT_A_TIME = text("select pg_advisory_xact_lock(hashtext(:name))")


async def migrate(settings: Settings) -> str:
    """Create the schema where it is absent and bring it to the newest version; returns that version.

    The services' own role, if the settings name one, gets its rights on it. Safe to run at any time and by several at
    once: an advisory lock lets one go first.
    """
    database = engine(settings, pool_size=1)
    schema = settings.database_schema
    try:
        async with transient_errors(), database.begin() as connection:
            await connection.execute(_ONE_AT_A_TIME, {"name": f"migrate {schema}"})
            await connection.execute(text(f"set local lock_timeout = '{LOCK_TIMEOUT}'"))
            await connection.execute(text(f"set local statement_timeout = '{STATEMENT_TIMEOUT}'"))
            await connection.execute(text(f'create schema if not exists "{schema}"'))
            version = await connection.run_sync(_upgrade)
            if settings.database_role:
                await grant(connection, schema, settings.database_role)
            return version
    finally:
        await database.dispose()


def configuration() -> Config:
    """Alembic's configuration: the folder beside this file, and nothing from outside."""
    config = Config()
    config.set_main_option("script_location", str(Path(__file__).parent))
    return config


def _upgrade(connection: Connection) -> str:
    config = configuration()
    config.attributes["connection"] = connection
    command.upgrade(config, "head")
    return str(connection.scalar(text("select version_num from alembic_version")))
