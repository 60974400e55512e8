"""Alembic's entry. The connection comes from Records.open, so there is no file with a database's address."""

from alembic import context

from central.store.records_tables import metadata

context.configure(connection=context.config.attributes["connection"], target_metadata=metadata, render_as_batch=True)
with context.begin_transaction():
    context.run_migrations()
