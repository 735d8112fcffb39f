"""What the handlers hold at a log position equals a computation from nothing over the events up to it."""

from collections.abc import Iterator, Sequence
from random import Random

import pytest
import sqlalchemy as sa
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from console.weekly_job import weekly_gate
from console.wiring import all_subscriptions
from events import (
    Event,
    RunEvent,
    Subscriptions,
    advance,
    emit,
    fix_partitions,
    open_checkpoints,
    recorded,
    sequence_all,
)
from handlers.rebuild import REBUILT
from tests.handlers.from_scratch import World
from tests.handlers.histories import histories, histories_of_names

PARTITIONS = 3

TABLES = (
    "outbox, events, refused_events, checkpoints, product_versions, subscribers, purchases, cancelled_orders, "
    "recommendations, horizons, popular_products, planned_emails, runs, path_runs, outcomes, late_events, noise"
)


def empty(connection: sa.Connection) -> None:
    """As a migration would leave the database; the log lets only a superuser forget."""
    connection.execute(sa.text("SET LOCAL session_replication_role = replica"))
    # Deleting a few rows takes less than giving every table a new file.
    connection.execute(sa.text("; ".join(f"DELETE FROM cutover.{table}" for table in TABLES.split(", "))))


def start_anew(connection: sa.Connection, subscriptions: Subscriptions) -> None:
    """An empty log, and nobody has read any of it."""
    empty(connection)
    fix_partitions(connection, PARTITIONS)
    open_checkpoints(connection, subscriptions, PARTITIONS)


def fold(engine: sa.Engine, subscriptions: Subscriptions, limits: Iterator[int]) -> None:
    """Advance whatever lags, in an order and in batch sizes that somebody else chooses, until nothing does."""
    pairs = [
        (subscription.name, number) for subscription in subscriptions for number in subscription.partitions(PARTITIONS)
    ]
    moved = True
    while moved:
        moved = False
        for name, partition in sorted(pairs, key=lambda _: next(limits)):
            before = advance(engine, subscriptions, name, partition, limit=next(limits))
            moved |= before.events > 0 or before.more


def lists_of(connection: sa.Connection) -> dict[str, tuple[list[str], list[float], bytes | None]]:
    rows = connection.execute(sa.text("SELECT user_id, product_ids, scores, direction FROM cutover.recommendations"))
    return {row.user_id: (row.product_ids, row.scores, row.direction and bytes(row.direction)) for row in rows}


def plan_of(connection: sa.Connection, run: str) -> dict[str, tuple[str | None, bool, list[str], list[float]]]:
    statement = sa.text("SELECT * FROM cutover.planned_emails WHERE run = :run")
    rows = connection.execute(statement, {"run": run})
    return {row.user_id: (row.reason, row.personal, row.product_ids, row.scores) for row in rows}


def logged(connection: sa.Connection) -> list[Event]:
    rows = connection.execute(
        sa.text("SELECT position, type, version, data::text AS data FROM cutover.events ORDER BY 1")
    )
    return [each.event for each in recorded(rows)]


@pytest.fixture(scope="module")
def one_database(template_url: str, postgres_url: str) -> Iterator[sa.Engine]:
    from runtime import database as databases

    name = "incremental"
    administration = sa.create_engine(postgres_url, isolation_level="AUTOCOMMIT")
    with administration.connect() as connection:
        connection.execute(sa.text(f'CREATE DATABASE "{name}" TEMPLATE "{sa.make_url(template_url).database}"'))
    administration.dispose()
    engine = databases.create_engine(databases.database_url(postgres_url, name))
    yield engine
    engine.dispose()
    databases.drop_database(postgres_url, name)


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(history=histories(), parts=st.integers(1, 4), random=st.randoms(use_true_random=False))
def test_I4_incremental_state_equals_a_fold_from_scratch_bit_for_bit(
    one_database: sa.Engine, history: Sequence[Event], parts: int, random: Random
) -> None:
    limits = iter(lambda: random.randint(1, 7), None)
    subscriptions = all_subscriptions(weekly_gate(PARTITIONS))
    with one_database.begin() as connection:
        start_anew(connection, subscriptions)
    size = max(1, len(history) // parts)
    for start in range(0, len(history), size):
        with one_database.begin() as connection:
            emit(connection, *history[start : start + size])
        sequence_all(one_database, PARTITIONS)
        fold(one_database, subscriptions, limits)

        world = World()
        # Not left to be rolled back, on which the driver forgets what it has prepared.
        with one_database.begin() as connection:
            for event in logged(connection):
                world.tell(event)
                if isinstance(event, RunEvent):
                    assert plan_of(connection, event.run) == world.plan(event), event.run
            assert lists_of(connection) == world.lists()


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(history=histories_of_names(), random=st.randoms(use_true_random=False))
def test_I4_whoever_a_changed_product_concerns_is_refreshed(
    one_database: sa.Engine, history: Sequence[Event], random: Random
) -> None:
    every = all_subscriptions(weekly_gate(PARTITIONS))
    subscriptions = Subscriptions([every[name] for name in REBUILT])
    with one_database.begin() as connection:
        start_anew(connection, subscriptions)
        emit(connection, *history)
    sequence_all(one_database, PARTITIONS)
    fold(one_database, subscriptions, iter(lambda: random.randint(1, 7), None))
    world = World()
    for event in history:
        world.tell(event)
    with one_database.begin() as connection:
        assert lists_of(connection) == world.lists()
