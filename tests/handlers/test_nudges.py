"""A nudge that arrives while its partition is held is not lost: whoever holds it looks once more."""

from collections.abc import Callable
from datetime import UTC, datetime

import pytest
import redis
import sqlalchemy as sa

from events import (
    Batch,
    Nudge,
    Subscription,
    Subscriptions,
    UserId,
    UserRegistered,
    emit,
    fix_partitions,
    lagging,
    open_checkpoints,
    sequence_all,
)
from handlers.celery_app import create_app
from handlers.nudges import Advancer, NudgePublisher
from runtime import broker

HERE = Nudge("counting", 0)


class Counting:
    """Counts events, and calls back while it folds the first batch."""

    def __init__(self) -> None:
        self.folded = 0
        self.meanwhile: Callable[[], object] = lambda: None

    def __call__(self, _: sa.Connection, batch: Batch) -> None:
        self.folded += len(batch.events)
        meanwhile, self.meanwhile = self.meanwhile, lambda: None
        meanwhile()


@pytest.fixture
def counting() -> Counting:
    return Counting()


@pytest.fixture
def subscriptions(database: sa.Engine, counting: Counting) -> Subscriptions:
    types = frozenset({"UserRegistered"})
    found = Subscriptions([Subscription(name="counting", queue="ml", types=types, reaction=counting)])
    with database.begin() as connection:
        fix_partitions(connection, 1)
        open_checkpoints(connection, found, 1)
    return found


@pytest.fixture
def advancer(database: sa.Engine, redis_url: str, subscriptions: Subscriptions) -> Advancer:
    app = create_app(broker.broker_url(redis_url), "nudges")
    publisher = NudgePublisher(app, redis.Redis.from_url(redis_url), "nudges", subscriptions)
    return Advancer(database, subscriptions, 1, publisher)


def register(database: sa.Engine, name: str) -> None:
    with database.begin() as connection:
        emit(connection, UserRegistered(user_id=UserId(name), occurred_at=datetime(2026, 1, 5, tzinfo=UTC)))
    sequence_all(database, 1)


def test_what_is_told_while_a_partition_is_held_is_folded_when_it_is_let_go(
    database: sa.Engine, counting: Counting, subscriptions: Subscriptions, advancer: Advancer
) -> None:
    found: list[int] = []

    def another_worker_comes_by() -> None:
        register(database, "late")
        found.append(advancer(HERE))

    register(database, "early")
    counting.meanwhile = another_worker_comes_by
    assert advancer(HERE) == 2
    assert (found, counting.folded) == ([0], 2)
    with database.connect() as connection:
        assert not lagging(connection, subscriptions)


def test_a_word_is_taken_once(advancer: Advancer, database: sa.Engine, counting: Counting) -> None:
    register(database, "early")
    counting.meanwhile = lambda: advancer(HERE)
    assert advancer(HERE) == 1
    assert advancer(HERE) == 0
