"""The freeze reads what it needs once, whatever the database believes of the tables."""

from datetime import UTC, datetime, timedelta
from typing import Any

import psycopg
import sqlalchemy as sa

from events import WeekStarted
from handlers.catalogue import Catalogue
from handlers.weekly import freeze

MONDAY = datetime(2026, 11, 16, 9, tzinfo=UTC)
RUN = WeekStarted(run="2026-W47", scheduled_at=MONDAY, occurred_at=MONDAY)
USERS = 100
PURCHASES = 5


def test_a_partition_the_statistics_do_not_know_is_not_read_once_for_every_user(database: sa.Engine) -> None:
    """As when the tables are looked at in the middle of a backfill, which fills one partition after the other."""
    with database.begin() as connection:
        connection.execute(sa.text(POPULAR))
        _fill(connection, partition=0)
        connection.execute(sa.text("ANALYZE cutover.subscribers, cutover.recommendations, cutover.purchases"))
        _fill(connection, partition=1)
        plans = _explained(connection, "INSERT INTO cutover.planned_emails")
        freeze(connection, 1, RUN, Catalogue().at(0), MONDAY - timedelta(weeks=52))
        assert connection.scalar(sa.text("SELECT count(*) FROM cutover.planned_emails")) == USERS
    assert len(plans) == 1
    assert "GroupAggregate" in plans[0]
    assert "Nested Loop" not in plans[0]


def _explained(connection: sa.Connection, which: str) -> list[str]:
    """Gets, for every statement that has `which` in it, how the database means to execute it."""
    plans: list[str] = []

    def explain(asked: sa.Connection, _: object, statement: str, parameters: dict[str, Any], *__: object) -> None:
        driver = asked.connection.driver_connection
        assert isinstance(driver, psycopg.Connection)
        if which in statement:
            plans.append("\n".join(line for (line,) in driver.execute("EXPLAIN " + statement, parameters)))

    sa.event.listen(connection, "before_cursor_execute", explain)
    return plans


def _fill(connection: sa.Connection, partition: int) -> None:
    parameters = {"partition": partition, "users": USERS, "purchases": PURCHASES, "at": MONDAY - timedelta(days=1)}
    connection.execute(sa.text(FILL), parameters)


POPULAR = "INSERT INTO cutover.popular_products (run, product_ids, orders, digest) VALUES ('2026-W47', '{}', '{}', '')"

FILL = """
    WITH users AS (
        SELECT 'u' || :partition || '-' || number AS user_id FROM generate_series(1, :users) AS number
    ), subscribed AS (
        INSERT INTO cutover.subscribers (user_id, partition, registered, subscribed)
        SELECT user_id, :partition, true, true FROM users
    ), listed AS (
        INSERT INTO cutover.recommendations (user_id, partition, product_ids, scores, direction)
        SELECT user_id, :partition, '{p1}', '{0.5}', decode(repeat('00', 256), 'hex') FROM users
    )
    INSERT INTO cutover.purchases (user_id, order_id, product_id, partition, placed_at, bought, returned, cancelled)
    SELECT user_id, 'o' || number, 'p2', :partition, :at, 1, 0, false
    FROM users CROSS JOIN generate_series(1, :purchases) AS number
"""
