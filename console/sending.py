"""Sending in one process: an event loop with the provider's connections and the pace, made when first used."""

import asyncio
import threading
from collections.abc import Coroutine, Iterable
from concurrent.futures import Future
from typing import Any, TypeVar

import redis.asyncio
import sqlalchemy as sa
import uvloop

from handlers.delivery.claiming import Contents
from handlers.delivery.dispatch import Dispatched, Dispatcher
from handlers.delivery.lookup import LookedUp, look_up
from handlers.delivery.message import Message
from handlers.delivery.pace import Limits, Pace, PaceState
from handlers.delivery.sendgrid import SendGrid
from handlers.delivery.settings import DeliverySettings
from handlers.delivery.validation import Validated, validate
from runtime import broker

Result = TypeVar("Result")

IN_FLIGHT = 128
"""Requests, and connections for them: one that had to wait for a connection would depart later than its slot says."""


def limits(settings: DeliverySettings) -> Limits:
    """The pace these settings ask for."""
    return Limits(quota=settings.quota, burst=settings.burst, transit=settings.transit)


def provider(settings: DeliverySettings) -> SendGrid:
    """SendGrid, as these settings name it, which must be complete."""
    if settings.api_key is None or settings.mail_from is None:
        raise ValueError("SENDGRID_API_KEY or MAIL_FROM is not set")
    return SendGrid(
        api_key=settings.api_key.get_secret_value(),
        mail_from=settings.mail_from,
        host=settings.host,
        connections=IN_FLIGHT,
    )


class Sending:
    """Lets synchronous callers, such as a task, send. One loop and one set of connections for as long as it lives.

    The loop runs in a thread of its own: an answer that comes after its task has ended is settled all the same.
    """

    def __init__(
        self, engine: sa.Engine, redis_url: str, namespace: str, settings: DeliverySettings, contents: Contents
    ) -> None:
        self._engine = engine
        self._contents = contents
        self._provider = provider(settings)
        self._redis: redis.asyncio.Redis = broker.connect_async(redis_url)
        self._pace = Pace(self._redis, namespace, limits(settings))
        self._dispatcher = Dispatcher(engine, self._provider, self._pace, contents, in_flight=IN_FLIGHT)
        self._running: set[Future[Any]] = set()
        self._loop = uvloop.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, name="sending", daemon=True)
        self._thread.start()

    def send(self, partition: int, *, seconds: float, run: str | None = None) -> Dispatched:
        """Send what is due in a partition, for at most so many seconds."""
        return self._result(self._dispatcher.send(partition, seconds=seconds, run=run))

    def look_up(self, limit: int) -> LookedUp:
        """Search the provider's records for up to `limit` unconfirmed e-mails."""
        return self._result(look_up(self._engine, self._provider, self._contents, limit))

    def validate(self, messages: Iterable[Message]) -> Validated:
        """Let the provider judge messages, and send nothing."""
        return self._result(validate(self._provider, self._pace, messages))

    def close(self) -> None:
        """See everything in flight home, and let the connections go."""
        self._slices = tuple(self._running)
        try:
            self._result(self._close())
        finally:
            self._loop.call_soon_threadsafe(self._loop.stop)
            self._thread.join()
            self._loop.close()

    def _result(self, work: Coroutine[Any, Any, Result]) -> Result:
        future = asyncio.run_coroutine_threadsafe(work, self._loop)
        self._running.add(future)
        future.add_done_callback(self._running.discard)
        return future.result()

    async def _close(self) -> None:
        """Whoever waited for a slice may have been interrupted, and the slice goes on: it is asked to end first."""
        try:
            self._dispatcher.stop()
            slices = [asyncio.wrap_future(future) for future in self._slices]
            await asyncio.gather(*slices, return_exceptions=True)
            await self._dispatcher.land()
        finally:
            await self._provider.close()
            await self._redis.aclose()
            await self._loop.shutdown_default_executor()


def pace_state(redis_url: str, namespace: str, settings: DeliverySettings) -> PaceState:
    """How the pace stands now. Raises PaceUnavailable."""

    async def look() -> PaceState:
        client = broker.connect_async(redis_url)
        try:
            return await Pace(client, namespace, limits(settings)).state()
        finally:
            await client.aclose()

    return asyncio.run(look())
