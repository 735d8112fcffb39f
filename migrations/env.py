"""Alembic's entry: migrates over the connection that `migrations.migrate` hands in."""

from alembic import context

context.configure(
    connection=context.config.attributes["connection"],
    target_metadata=context.config.attributes.get("target_metadata"),
    version_table="schema_version",
    version_table_schema="cutover",
    include_schemas=True,
)
with context.begin_transaction():
    context.run_migrations()
