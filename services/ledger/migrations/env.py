"""What Alembic runs: the migrations, on the connection and in the schema that `migrate` gives."""

from alembic import context

from services.ledger.tables import Table

context.configure(connection=context.config.attributes["connection"], target_metadata=Table.metadata)
context.run_migrations()
