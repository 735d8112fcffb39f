"""The legacy batch as crontab ran it before there was a tap: nothing of what it comes to is recorded."""

import psycopg
import sqlalchemy as sa

from benchmarks.shop import MONDAY


class _Forgetful:
    """A mailer that forgets at once."""

    def send(self, mail: object) -> None:
        """Nothing is sent."""

    def skip(self, user_id: str, reason: str) -> None:
        """Nothing is written down."""


def bare_batch(engine: sa.Engine) -> int:
    """Read, recommend and compose for every user; how many e-mails came of it."""
    from legacy_cron.weekly_recommendations import run

    with engine.connect().execution_options(isolation_level="REPEATABLE READ", postgresql_readonly=True) as snapshot:
        driver = snapshot.connection.driver_connection
        if not isinstance(driver, psycopg.Connection):
            raise TypeError(f"the batch needs a psycopg connection, this is {type(driver).__name__}")
        return run(driver, _Forgetful(), MONDAY).sent
