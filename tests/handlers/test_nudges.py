"""A nudge that arrives while its partition is held is not lost: whoever holds it looks once more."""

from collections.abc import Callable, Iterable
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
    sequence,
    sequence_all,
)
from handlers.celery_app import create_app
from handlers.delivery.duties import DELIVERY, FEW, ROUTES
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


def test_nudges_to_send_do_not_pile_up_and_a_sender_that_has_more_to_do_keeps_its_turn(
    redis_url: str, subscriptions: Subscriptions
) -> None:
    """A sender takes seconds, a sweep comes each second, and what else uses the queue is not to wait for hundreds."""
    keys = redis.Redis.from_url(redis_url)
    publisher = NudgePublisher(
        create_app(broker.broker_url(redis_url), "piling"), keys, "piling", subscriptions, ROUTES
    )
    due = [Nudge(DELIVERY, partition) for partition in range(16)]

    def sweep() -> int:
        keys.delete(*(f"piling:nudge:{DELIVERY}:{nudge.partition}" for nudge in due))
        publisher(due)
        return keys.llen("piling:emails")

    assert [sweep() for _ in range(5)] == [16] * 5
    for nudge in due:
        keys.rpop("piling:emails")
        publisher.arrived(nudge)
        publisher.again(nudge)
        assert sweep() == 16
    keys.ltrim("piling:emails", 0, FEW - 2)
    assert sweep() == FEW - 1 + 16, "what was lost is told again where few are left"


class Noting(NudgePublisher):
    """Notes what is published, and publishes nothing."""

    def __init__(self, redis_url: str, subscriptions: Subscriptions) -> None:
        app = create_app(broker.broker_url(redis_url), "noting")
        super().__init__(app, redis.Redis.from_url(redis_url), "noting", subscriptions)
        self.published: list[Nudge] = []

    def __call__(self, nudges: Iterable[Nudge]) -> None:
        self.published += nudges


def test_followers_are_nudged_when_they_may_have_waited_and_only_then(
    database: sa.Engine, redis_url: str, counting: Counting
) -> None:
    def reads(name: str, *types: str, after: tuple[str, ...] = (), partitioned: bool = True) -> Subscription:
        return Subscription(
            name=name, queue="ml", types=frozenset(types), reaction=counting, after=after, partitioned=partitioned
        )

    found = Subscriptions(
        [
            reads("leader", "UserRegistered", "WeekStarted"),
            reads("of runs", "WeekStarted", after=("leader",)),
            reads("of users", "UserRegistered", after=("leader",)),
            reads("of products too", "WeekStarted", "ProductAdded", after=("leader",)),
            reads("of all partitions", "UserRegistered", after=("leader",), partitioned=False),
        ]
    )
    with database.begin() as connection:
        fix_partitions(connection, 2)
        open_checkpoints(connection, found, 2)
        emit(connection, UserRegistered(user_id=UserId("ann"), occurred_at=datetime(2026, 1, 5, tzinfo=UTC)))
    where = next(place for _, place in sequence(database, 2).logged)
    publisher = Noting(redis_url, found)
    advancer = Advancer(database, found, 2, publisher)

    assert advancer(Nudge("leader", 1 - where)) == 0
    assert publisher.published == []
    assert advancer(Nudge("leader", where)) == 1
    assert publisher.published == [
        Nudge("of users", where),
        Nudge("of products too", where),
        Nudge("of all partitions", 0),
    ]
