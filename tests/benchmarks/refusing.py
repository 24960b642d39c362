"""A database that does not take two sorts of record: the fault that a service cannot see when it reads them."""

import asyncpg

from services.runtime.settings import Settings

_TRIGGER = """
    create function refuse() returns trigger language plpgsql as $$
    begin
        if new.id like 'refused-%' then
            raise check_violation using message = 'this record is refused';
        elsif new.id like 'failing-%' then
            raise exception 'a fault that nobody foresaw';
        end if;
        return new;
    end $$;
    create trigger refuse before insert on record for each row execute function refuse();
"""


async def refuse_some(settings: Settings) -> None:
    """From now on a record whose id begins with `refused-` or `failing-` fails when it is recorded.

    The first with data that the database does not take (a dead letter `refused-by-database`), the second with an
    error that says nothing (`unworkable`).
    """
    connection = await asyncpg.connect(
        settings.database.get_secret_value(), server_settings={"search_path": settings.database_schema}
    )
    await connection.execute(_TRIGGER)
    await connection.close()
