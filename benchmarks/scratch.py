"""A scratch database: migrated, on the project's own PostgreSQL, dropped when it has served."""

from collections.abc import Iterator
from contextlib import contextmanager

import sqlalchemy as sa

from migrations.migrate import upgrade
from runtime import database as databases


@contextmanager
def scratch_database(server_url: str, name: str) -> Iterator[sa.Engine]:
    """An engine on a fresh database of this name; an earlier one is dropped first."""
    databases.drop_database(server_url, name)
    databases.ensure_database(server_url, name)
    engine = databases.create_engine(databases.database_url(server_url, name))
    try:
        upgrade(engine)
        yield engine
    finally:
        engine.dispose()
        databases.drop_database(server_url, name)
