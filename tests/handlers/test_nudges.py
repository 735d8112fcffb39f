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
from handlers import nudges
from handlers.celery_app import create_app
from handlers.delivery.duties import DELIVERY, routes
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


def test_a_nudge_to_send_is_remembered_until_somebody_acts_on_it_and_no_second_one_is(
    redis_url: str, subscriptions: Subscriptions
) -> None:
    """A sender takes seconds: those that wait must not pile up, and one that nobody remembers is not acted on."""
    keys = redis.Redis.from_url(redis_url)
    app = create_app(broker.broker_url(redis_url), "piling")
    publisher = NudgePublisher(app, keys, "piling", subscriptions, routes(3))
    nudges = [Nudge(DELIVERY, partition) for partition in range(3)]
    for _ in range(5):
        publisher(nudges)
    waiting = f"piling:{routes(3)[DELIVERY].queue}"
    assert keys.llen(waiting) == 3
    assert all(keys.pttl(f"piling:nudge:{DELIVERY}:{partition}") > 30_000 for partition in range(3))
    assert [publisher.arrived(nudges[0]) for _ in range(2)] == [True, False]
    publisher(nudges)
    assert keys.llen(waiting) == 4


@pytest.mark.parametrize(("partitions", "seconds"), [(1, 60), (16, 96), (64, 384), (1024, 600)])
def test_a_nudge_to_send_is_remembered_until_one_child_has_come_through_all_partitions(
    partitions: int, seconds: int
) -> None:
    assert routes(partitions)[DELIVERY].remembered == 1000 * seconds


def test_a_nudge_that_found_its_queue_full_is_told_as_soon_as_there_is_room(
    redis_url: str, subscriptions: Subscriptions, monkeypatch: pytest.MonkeyPatch
) -> None:
    keys = redis.Redis.from_url(redis_url)
    publisher = NudgePublisher(create_app(broker.broker_url(redis_url), "full"), keys, "full", subscriptions, routes(3))
    monkeypatch.setattr(nudges, "LONGEST_QUEUE", 1)
    publisher([Nudge(DELIVERY, 0)])
    publisher([Nudge(DELIVERY, 1)])
    assert keys.llen("full:emails") == 1
    keys.delete("full:emails")
    publisher([Nudge(DELIVERY, 1)])
    assert keys.llen("full:emails") == 1


def test_a_nudge_that_may_be_remembered_without_being_on_its_way_is_told_again(
    redis_url: str, subscriptions: Subscriptions, monkeypatch: pytest.MonkeyPatch
) -> None:
    keys = redis.Redis.from_url(redis_url)
    app = create_app(broker.broker_url(redis_url), "unsure")
    publisher = NudgePublisher(app, keys, "unsure", subscriptions, routes(3))

    def away(*_: object, **__: object) -> None:
        raise redis.ConnectionError

    with monkeypatch.context() as patched:
        patched.setattr(app, "send_task", away)
        publisher([Nudge(DELIVERY, 0)])
    assert keys.exists(f"unsure:nudge:{DELIVERY}:0")
    for _ in range(2):
        publisher([Nudge(DELIVERY, 0)])
    assert keys.llen("unsure:emails") == 1


def test_where_redis_cannot_be_asked_a_nudge_is_acted_on(redis_url: str, subscriptions: Subscriptions) -> None:
    app = create_app(broker.broker_url(redis_url), "away")
    away = redis.Redis(host="127.0.0.1", port=1)
    assert NudgePublisher(app, away, "away", subscriptions, routes(3)).arrived(Nudge(DELIVERY, 0))


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
