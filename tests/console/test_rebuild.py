"""`rebuild`: what is forgotten comes back bit for bit, and nothing that acts is done again."""

import json

import sqlalchemy as sa

from console.failures import Exit
from console.rebuilding import LOCK
from handlers.rebuild import REBUILT, TABLES
from tests.console.commands import cutover
from tests.end_to_end.conftest import PARTITIONS, RUN, order, small_shop, weekly_on

INDEXES = sa.text("SELECT indexdef FROM pg_indexes WHERE schemaname = 'cutover' ORDER BY 1")
ACTED = ("outcomes", "runs", "path_runs", "send_ledger")


def held(database: sa.Engine, tables: tuple[str, ...]) -> dict[str, list[str]]:
    """Every row of these tables as text."""
    with database.connect() as connection:
        return {
            table: sorted(connection.scalars(sa.text(f"SELECT row::text FROM cutover.{table} AS row")))
            for table in tables
        }


def positions(database: sa.Engine) -> dict[tuple[str, int], int]:
    """How far those who are not rebuilt have come."""
    with database.connect() as connection:
        rows = connection.execute(sa.text("SELECT subscription, partition, position FROM cutover.checkpoints"))
        return {(row.subscription, row.partition): row.position for row in rows if row.subscription not in REBUILT}


def test_what_is_forgotten_comes_back_bit_for_bit_and_nothing_is_done_again(
    home: dict[str, str], database: sa.Engine
) -> None:
    shop = weekly_on(database)
    shop.happen(*small_shop())
    shop.settle()
    shop.barrier(RUN)
    shop.settle()
    shop.happen(order("late", "u1", "p9", days=-1))
    shop.settle()
    before, acted, reached = held(database, TABLES), held(database, ACTED), positions(database)
    assert all(before[table] for table in ("purchases", "recommendations", "planned_emails", "popular_products"))
    with database.begin() as connection:
        indexes = connection.scalars(INDEXES).all()
        connection.execute(sa.text("UPDATE cutover.purchases SET bought = 7"))
        connection.execute(sa.text("DELETE FROM cutover.recommendations WHERE user_id = 'u1'"))
    home = {**home, "CUTOVER_PARTITIONS": str(PARTITIONS)}

    asked = cutover("rebuild", "--dry-run", "--json", env=home)
    assert (asked.code, json.loads(asked.stdout)["rebuilt"]) == (Exit.GOOD, False)
    assert held(database, TABLES) != before

    done = cutover("rebuild", "--yes", "--workers", "2", env=home)
    assert done.code == Exit.GOOD, done
    assert held(database, TABLES) == before
    assert held(database, ACTED) == acted
    assert positions(database) == reached
    with database.connect() as connection:
        assert connection.scalars(INDEXES).all() == indexes


def test_a_second_rebuild_is_refused_while_the_first_is_at_it(home: dict[str, str], database: sa.Engine) -> None:
    weekly_on(database)
    with database.connect() as first:
        first.execute(sa.text("SELECT pg_advisory_lock(:lock)"), {"lock": LOCK})
        second = cutover("rebuild", "--yes", env={**home, "CUTOVER_PARTITIONS": str(PARTITIONS)})
    assert second.code == Exit.WRONG_USE
    assert second.told.endswith("cutover: another rebuild is under way; nothing was done")
