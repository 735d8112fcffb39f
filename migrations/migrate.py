"""Runs the migrations over an engine, up or down, one process at a time."""

from collections.abc import Callable
from pathlib import Path

import sqlalchemy as sa
from alembic import command
from alembic.config import Config

LOCK = 0x6D696772617465  # "migrate"


def upgrade(engine: sa.Engine, revision: str = "head") -> None:
    """Bring the schema up to `revision`; does nothing where it is there already."""
    _run(engine, lambda config: command.upgrade(config, revision))


def downgrade(engine: sa.Engine, revision: str) -> None:
    """Take the schema down to `revision`; `base` removes all of it, with everything in it."""
    _run(engine, lambda config: command.downgrade(config, revision))


def _run(engine: sa.Engine, migrate: Callable[[Config], None]) -> None:
    config = Config()
    config.set_main_option("script_location", str(Path(__file__).parent).replace("%", "%%"))
    with engine.begin() as connection:
        connection.execute(sa.text("SELECT pg_advisory_xact_lock(:lock)"), {"lock": LOCK})
        connection.execute(sa.text("CREATE SCHEMA IF NOT EXISTS cutover"))
        config.attributes["connection"] = connection
        migrate(config)
