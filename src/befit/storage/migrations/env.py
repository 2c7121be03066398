"""Runs the revisions on the connection that `migrate.upgrade` holds open."""

from __future__ import annotations

from alembic import context

from befit.storage.schema import METADATA

context.configure(
    connection=context.config.attributes["connection"],
    target_metadata=METADATA,
    transactional_ddl=True,
)
with context.begin_transaction():
    context.run_migrations()
