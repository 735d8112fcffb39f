"""The one place where everything is put together."""

from dataclasses import dataclass

import redis
import sqlalchemy as sa
from celery import Celery

from console.failures import WrongUse
from console.sending import Sending
from console.watching import migration_duties
from console.weekly_job import GateMailer, weekly_gate, weekly_rollback
from console.weekly_messages import WeeklyMessages
from console.weekly_users import names_in_shop
from events import Relay, Subscriptions, fix_partitions, open_checkpoints
from handlers.celery_app import create_app
from handlers.delivery.duties import DUTIES, ROUTES
from handlers.delivery.settings import DeliverySettings
from handlers.nudges import Advancer, NudgePublisher
from handlers.subscriptions import Parts, subscriptions
from handlers.tracking.fold import tracking_subscription
from handlers.unsubscribe_link import UnsubscribeLinks
from runtime import broker
from runtime.database import create_engine
from runtime.servers import Servers
from runtime.version import code_version
from shadow.gate import Gate
from shadow.rollback import Rollback
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
    gate: Gate
    rollback: Rollback
    subscriptions: Subscriptions
    delivery: DeliverySettings
    publisher: NudgePublisher
    advancer: Advancer

    def relay(self) -> Relay:
        """A relay on this system's outbox."""
        duties = (*DUTIES, *migration_duties(self.subscriptions, self.rollback))
        return Relay(self.engine, self.subscriptions, self.partitions, self.publisher, duties=duties)

    def sending(self, links: UnsubscribeLinks) -> Sending:
        """What sends in this process. Raises WrongUse when no provider is set."""
        if not self.delivery.configured:
            raise WrongUse("SENDGRID_API_KEY and MAIL_FROM are not set, so no e-mail can be sent")
        contents = WeeklyMessages(links.url)
        return Sending(self.engine, self.servers.redis_url, self.namespace, self.delivery, contents)

    def prepare(self) -> None:
        """Bring the schema up to date and give every subscription its checkpoints."""
        # Workers never migrate, and need not load Alembic.
        from migrations.migrate import upgrade

        upgrade(self.engine)
        with self.engine.begin() as connection:
            fix_partitions(connection, self.partitions)
            open_checkpoints(connection, self.subscriptions, self.partitions)


def all_subscriptions(gate: Gate, parts: Parts | None = None) -> Subscriptions:
    """Every subscription there is; `parts` may hand in substitutes."""
    return Subscriptions(
        [
            *run_subscriptions(code_version(), last=("emails",), normalisation=gate.job.normalisation),
            *subscriptions(GateMailer(gate), names_in_shop, parts),
            tracking_subscription(),
        ]
    )


def build(
    servers: Servers,
    partitions: int,
    namespace: str,
    delivery: DeliverySettings,
    parts: Parts | None = None,
) -> System:
    """The whole system on these servers; connects when first used."""
    engine = create_engine(servers.database_url)
    connection = broker.connect(servers.redis_url)
    celery = create_app(broker.broker_url(servers.redis_url), namespace)
    gate = weekly_gate(partitions, delivery.within)
    every = all_subscriptions(gate, parts)
    publisher = NudgePublisher(celery, connection, namespace, every, ROUTES)
    return System(
        servers=servers,
        partitions=partitions,
        namespace=namespace,
        engine=engine,
        redis=connection,
        celery=celery,
        gate=gate,
        rollback=weekly_rollback(partitions, delivery.within),
        subscriptions=every,
        delivery=delivery,
        publisher=publisher,
        advancer=Advancer(engine, every, partitions, publisher),
    )
