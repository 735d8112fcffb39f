"""The freeze reads what it needs once, whatever the database believes of the tables."""

from datetime import UTC, datetime, timedelta

import sqlalchemy as sa

from events import WeekStarted
from handlers.catalogue import Catalogue
from handlers.weekly import freeze

MONDAY = datetime(2026, 11, 16, 9, tzinfo=UTC)
RUN = WeekStarted(run="2026-W47", scheduled_at=MONDAY, occurred_at=MONDAY)
USERS = 300
PURCHASES = 10


def test_a_partition_the_statistics_do_not_know_is_not_read_once_for_every_user(database: sa.Engine) -> None:
    """As when the tables are looked at in the middle of a backfill, which fills one partition after the other."""
    with database.begin() as connection:
        connection.execute(sa.text(POPULAR))
        _fill(connection, partition=0)
        connection.execute(sa.text("ANALYZE cutover.subscribers, cutover.recommendations, cutover.purchases"))
        _fill(connection, partition=1)
        before = _read(connection)
        freeze(connection, 1, RUN, Catalogue().at(0), MONDAY - timedelta(weeks=52))
        assert connection.scalar(sa.text("SELECT count(*) FROM cutover.planned_emails")) == USERS
        assert _read(connection) - before <= 4 * USERS * PURCHASES


def _fill(connection: sa.Connection, partition: int) -> None:
    parameters = {"partition": partition, "users": USERS, "purchases": PURCHASES, "at": MONDAY - timedelta(days=1)}
    connection.execute(sa.text(FILL), parameters)


def _read(connection: sa.Connection) -> int:
    """How many rows of purchases this transaction has read."""
    rows = connection.scalar(
        sa.text("""
            SELECT coalesce(seq_tup_read, 0) + coalesce(idx_tup_fetch, 0)
            FROM pg_stat_xact_user_tables WHERE schemaname = 'cutover' AND relname = 'purchases'
        """)
    )
    return int(rows or 0)


POPULAR = "INSERT INTO cutover.popular_products (run, product_ids, orders, digest) VALUES ('2026-W47', '{}', '{}', '')"

FILL = """
    WITH users AS (
        SELECT 'u' || :partition || '-' || number AS user_id FROM generate_series(1, :users) AS number
    ), subscribed AS (
        INSERT INTO cutover.subscribers (user_id, partition, registered, subscribed)
        SELECT user_id, :partition, true, true FROM users
    ), listed AS (
        INSERT INTO cutover.recommendations (user_id, partition, product_ids, scores, direction)
        SELECT user_id, :partition, '{p1}', '{0.5}', decode(repeat('00', 1024), 'hex') FROM users
    )
    INSERT INTO cutover.purchases (user_id, order_id, product_id, partition, placed_at, bought, returned, cancelled)
    SELECT user_id, 'o' || number, 'p2', :partition, :at, 1, 0, false
    FROM users CROSS JOIN generate_series(1, :purchases) AS number
"""
