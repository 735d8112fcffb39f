"""Sending in one process: an event loop with the provider's connections and the pace, made when first used."""

import asyncio

import redis.asyncio
import sqlalchemy as sa
import uvloop

from handlers.delivery.claiming import Contents
from handlers.delivery.dispatch import Dispatched, Dispatcher
from handlers.delivery.lookup import LookedUp, look_up
from handlers.delivery.pace import Limits, Pace, PaceState
from handlers.delivery.sendgrid import SendGrid
from handlers.delivery.settings import DeliverySettings
from runtime import broker


def limits(settings: DeliverySettings) -> Limits:
    """The pace these settings ask for."""
    return Limits(quota=settings.quota, burst=settings.burst, transit=settings.transit)


def provider(settings: DeliverySettings) -> SendGrid:
    """SendGrid, as these settings name it, which must be complete."""
    if settings.api_key is None or settings.mail_from is None:
        raise ValueError("SENDGRID_API_KEY or MAIL_FROM is not set")
    return SendGrid(api_key=settings.api_key.get_secret_value(), mail_from=settings.mail_from, host=settings.host)


class Sending:
    """Lets synchronous callers, such as a task, send. One loop and one set of connections for as long as it lives."""

    def __init__(
        self, engine: sa.Engine, redis_url: str, namespace: str, settings: DeliverySettings, contents: Contents
    ) -> None:
        self._engine = engine
        self._redis_url = redis_url
        self._namespace = namespace
        self._settings = settings
        self._contents = contents
        self._runner = asyncio.Runner(loop_factory=uvloop.new_event_loop)
        self._redis: redis.asyncio.Redis | None = None
        self._provider: SendGrid | None = None
        self._dispatcher: Dispatcher | None = None

    def send(self, partition: int, *, seconds: float, run: str | None = None) -> Dispatched:
        """Send what is due in a partition, for at most so many seconds and what is in flight then."""
        return self._runner.run(self._send(partition, seconds, run))

    def look_up(self, limit: int) -> LookedUp:
        """Search the provider's records for up to `limit` unconfirmed e-mails."""
        return self._runner.run(self._look_up(limit))

    def close(self) -> None:
        """Let the connections go."""
        self._runner.run(self._close())
        self._runner.close()

    async def _send(self, partition: int, seconds: float, run: str | None) -> Dispatched:
        if self._dispatcher is None:
            self._redis = broker.connect_async(self._redis_url)
            pace = Pace(self._redis, self._namespace, limits(self._settings))
            self._dispatcher = Dispatcher(self._engine, self._carrier(), pace, self._contents)
        return await self._dispatcher.send(partition, seconds=seconds, run=run)

    async def _look_up(self, limit: int) -> LookedUp:
        return await look_up(self._engine, self._carrier(), self._contents, limit)

    def _carrier(self) -> SendGrid:
        if self._provider is None:
            self._provider = provider(self._settings)
        return self._provider

    async def _close(self) -> None:
        if self._provider is not None:
            await self._provider.close()
        if self._redis is not None:
            await self._redis.aclose()


def pace_state(redis_url: str, namespace: str, settings: DeliverySettings) -> PaceState:
    """How the pace stands now. Raises PaceUnavailable."""

    async def look() -> PaceState:
        client = broker.connect_async(redis_url)
        try:
            return await Pace(client, namespace, limits(settings)).state()
        finally:
            await client.aclose()

    return asyncio.run(look())
