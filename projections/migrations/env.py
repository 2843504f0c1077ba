"""Alembic's entry: runs the steps on the connection that `projections.migrate` hands over."""

from alembic import context

from projections.tables import metadata

connection = context.config.attributes["connection"]
context.configure(
    connection=connection,
    target_metadata=metadata,
    include_schemas=True,
    version_table_schema="public",
    compare_type=True,
)
with context.begin_transaction():
    context.run_migrations()
