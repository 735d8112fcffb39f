"""The one place where everything is put together."""

from dataclasses import dataclass

import redis
import sqlalchemy as sa
from celery import Celery

from console.weekly_job import RecordingMailer, names_in_shop
from events import Relay, Subscriptions, fix_partitions, open_checkpoints
from handlers.celery_app import create_app
from handlers.nudges import Advancer, NudgePublisher
from handlers.subscriptions import Parts, subscriptions
from migrations.migrate import upgrade
from runtime import broker
from runtime.database import create_engine
from runtime.servers import Servers
from runtime.version import code_version
from shadow.runs import run_subscriptions


@dataclass(frozen=True, kw_only=True)
class System:
    """Everything one process needs, on these servers."""

    servers: Servers
    partitions: int
    namespace: str
    engine: sa.Engine
    redis: redis.Redis
    celery: Celery
    subscriptions: Subscriptions
    publisher: NudgePublisher
    advancer: Advancer

    def relay(self) -> Relay:
        """A relay on this system's outbox."""
        return Relay(self.engine, self.subscriptions, self.partitions, self.publisher)

    def prepare(self) -> None:
        """Bring the schema up to date and give every subscription its checkpoints."""
        upgrade(self.engine)
        with self.engine.begin() as connection:
            fix_partitions(connection, self.partitions)
            open_checkpoints(connection, self.subscriptions, self.partitions)


def all_subscriptions(parts: Parts | None = None) -> Subscriptions:
    """Every subscription there is, wired for stage `shadow`; `parts` may hand in substitutes."""
    return Subscriptions(
        [
            *run_subscriptions(code_version(), last=("emails",)),
            *subscriptions(RecordingMailer(), names_in_shop, parts),
        ]
    )


def build(servers: Servers, partitions: int, namespace: str, parts: Parts | None = None) -> System:
    """The whole system on these servers; connects when first used."""
    engine = create_engine(servers.database_url)
    connection = broker.connect(servers.redis_url)
    celery = create_app(broker.broker_url(servers.redis_url), namespace)
    every = all_subscriptions(parts)
    publisher = NudgePublisher(celery, connection, namespace, every)
    return System(
        servers=servers,
        partitions=partitions,
        namespace=namespace,
        engine=engine,
        redis=connection,
        celery=celery,
        subscriptions=every,
        publisher=publisher,
        advancer=Advancer(engine, every, partitions, publisher),
    )
