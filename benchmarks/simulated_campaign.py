"""A campaign in simulated time: eight senders, the real database, the real pace in Redis, real HTTP to the stand-in."""

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import TypeVar

import sqlalchemy as sa

from benchmarks.simulated_time import SimulatedLoop
from handlers.delivery.claiming import Contents
from handlers.delivery.dispatch import Dispatcher
from handlers.delivery.message import Message
from handlers.delivery.pace import Grant, Limits, Pace, Verdict
from handlers.delivery.provider import Accepted, Allowance, Answer
from handlers.delivery.sendgrid import SendGrid
from handlers.delivery.upkeep import due_partitions, end_campaigns, expire_leases
from runtime import broker

SLICE = 5.0
SWEEP = 1.0
COARSE = 1.0
"""Rows are claimed and settled for a second at a time: transactions are what a simulated second costs. When a request
departs is up to the pace alone, as always.
"""
Result = TypeVar("Result")

Event = Callable[[], Awaitable[None]]


@dataclass
class Window:
    """How many moments lay in any one second, at most; a window holds its end and not its beginning."""

    most: int = 0
    count: int = 0
    first: float = 0.0
    last: float = 0.0
    _moments: deque[float] = field(default_factory=deque)

    def add(self, moment: float) -> None:
        """Something happened."""
        self.first = self.first if self.count else moment
        self.last = moment
        self.count += 1
        self._moments.append(moment)
        # Times are sums of seconds in floating point: what is a second apart but for the last bit is a second apart.
        while self._moments[0] <= moment - 1.0 + 1e-9:
            self._moments.popleft()
        self.most = max(self.most, len(self._moments))


class TimedProvider:
    """SendGrid's client, over which simulated time stands still. What reaches it is accepted at that very moment."""

    def __init__(self, loop: SimulatedLoop, real: SendGrid) -> None:
        self._loop = loop
        self._real = real
        self.arrivals = Window()
        self.accepted = Window()

    def prepare(self, message: Message) -> bytes:
        return self._real.prepare(message)

    async def send(self, request: bytes) -> tuple[Answer, Allowance | None]:
        self.arrivals.add(self._loop.time())
        with self._loop.busy():
            answer, _ = await self._real.send(request)
        if isinstance(answer, Accepted):
            self.accepted.add(self._loop.time())
        # What the stand-in says of its limit is in real time, and so it is left out.
        return answer, None

    async def validate(self, request: bytes) -> Answer:
        return await self._real.validate(request)

    async def accepted_since(self, *, address: str, run: str, since: datetime) -> str | None:
        return await self._real.accepted_since(address=address, run=run, since=since)

    async def close(self) -> None:
        await self._real.close()


class TimedPace(Pace):
    """The pace, over which simulated time stands still."""

    loop: SimulatedLoop

    async def acquire(self, want: int) -> Grant:
        with self.loop.busy():
            return await super().acquire(want)

    async def settle(self, verdicts: "list[tuple[str, Verdict]]", *, closed_for: float = 0.0) -> None:  # type: ignore[override]
        with self.loop.busy():
            await super().settle(verdicts, closed_for=closed_for)


@dataclass(frozen=True, kw_only=True)
class Simulated:
    """What a campaign came to. `seconds` are simulated ones, from the first acceptance to the last."""

    accepted: int
    seconds: float
    max_in_any_second: int
    requests: int


def simulate(
    engine: sa.Engine,
    redis_url: str,
    namespace: str,
    make_provider: Callable[[], SendGrid],
    contents: Contents,
    limits: Limits,
    *,
    senders: int = 8,
    events: "list[tuple[float, Event]] | None" = None,
) -> Simulated:
    """Send everything that is due, in simulated time; `events` happen at so many simulated seconds."""
    loop = SimulatedLoop()
    try:
        return loop.run_until_complete(
            _Campaign(loop, engine, redis_url, namespace, make_provider(), contents, limits).run(senders, events or [])
        )
    finally:
        loop.run_until_complete(loop.shutdown_default_executor())
        loop.close()


class _Campaign:
    def __init__(
        self,
        loop: SimulatedLoop,
        engine: sa.Engine,
        redis_url: str,
        namespace: str,
        real: SendGrid,
        contents: Contents,
        limits: Limits,
    ) -> None:
        self._loop = loop
        self._engine = engine
        self._began = datetime.now(UTC)
        self._redis = broker.connect_async(redis_url)
        self._provider = TimedProvider(loop, real)
        pace = TimedPace(self._redis, namespace, limits, now=lambda: 1e6 + loop.time())
        pace.loop = loop
        self._pace = pace
        self._contents = contents
        self._due: list[int] = []
        self._done = False

    async def run(self, senders: int, events: "list[tuple[float, Event]]") -> Simulated:
        tasks = [asyncio.ensure_future(self._happen(at, event)) for at, event in events]
        workers = [asyncio.ensure_future(self._work()) for _ in range(senders)]
        await self._sweep()
        self._done = True
        await asyncio.gather(*workers)
        for task in tasks:
            task.cancel()
        await self._provider.close()
        await self._redis.aclose()
        accepted = self._provider.accepted
        return Simulated(
            accepted=accepted.count,
            seconds=accepted.last - accepted.first,
            max_in_any_second=accepted.most,
            requests=self._provider.arrivals.count,
        )

    def _now(self) -> datetime:
        return self._began + timedelta(seconds=self._loop.time())

    async def _happen(self, at: float, event: Event) -> None:
        await asyncio.sleep(at - self._loop.time())
        with self._loop.busy():
            await event()

    async def _sweep(self) -> None:
        """What the relay does: see to leases, and tell senders what is due, until nothing is open."""
        while await asyncio.to_thread(self._open):
            for partition in await asyncio.to_thread(self._look):
                if partition not in self._due:
                    self._due.append(partition)
            await asyncio.sleep(SWEEP)

    def _open(self) -> bool:
        with self._engine.connect() as connection:
            return bool(connection.scalar(_OPEN))

    def _look(self) -> list[int]:
        with self._engine.begin() as connection:
            expire_leases(connection, now=self._now())
            end_campaigns(connection, now=self._now())
            return due_partitions(connection, now=self._now())

    async def _work(self) -> None:
        """What a worker's child does: take a partition, send for a slice, put it back if more is due."""
        dispatcher = Dispatcher(
            self._engine,
            self._provider,
            self._pace,
            self._contents,
            together=COARSE,
            linger=COARSE / 2,
            clock=self._now,
        )
        while not self._done:
            if not self._due:
                await asyncio.sleep(0.05)
                continue
            partition = self._due.pop(0)
            done = await dispatcher.send(partition, seconds=SLICE)
            if done.more and partition not in self._due:
                self._due.append(partition)


_OPEN = sa.text("SELECT EXISTS (SELECT FROM cutover.send_ledger WHERE state IN ('planned', 'sending'))")
