"""Paces on the real Valkey: in a namespace of their own, at a time that a test moves by hand."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import replace
from uuid import uuid4

from redis.asyncio import Redis

from handlers.delivery.pace import Grant, Limits, Pace, Verdict

START = 1_795_000_000.0
WARM_UP = 1.25


class ManualSeconds:
    """Seconds in whole microseconds, so that no sum of them is rounded."""

    def __init__(self) -> None:
        self.microseconds = round(START * 1_000_000)

    def __call__(self) -> float:
        return self.microseconds / 1_000_000

    def pass_by(self, seconds: float) -> None:
        self.microseconds += round(seconds * 1_000_000)


class Bench:
    """A pace, its clock, and what is needed to open further ones beside it."""

    def __init__(self, client: Redis, limits: Limits) -> None:
        self.client = client
        self.namespace = f"test-{uuid4().hex}"
        self.clock = ManualSeconds()
        self.limits = limits
        self.pace = self.another(client)

    def another(self, client: Redis, limits: Limits | None = None) -> Pace:
        return Pace(client, self.namespace, limits or self.limits, now=self.clock)

    async def warm_up(self) -> None:
        assert (await self.pace.acquire(1)).why == "warming_up"
        self.clock.pass_by(WARM_UP)

    async def take(self, want: int = 1) -> list[str]:
        """The tokens of exactly so many slots, given out at once."""
        grant = await self.pace.acquire(want)
        assert len(grant.slots) == want, grant
        return [slot.token for slot in grant.slots]

    async def send(self, verdict: Verdict) -> None:
        """Take one slot and settle it after a tenth of a second."""
        (token,) = await self.take()
        self.clock.pass_by(0.1)
        await self.pace.settle([(token, verdict)])

    async def refused(self) -> Grant:
        grant = await self.pace.acquire(1)
        assert not grant.slots, grant
        return grant

    async def forget(self) -> None:
        """As FLUSHALL would do."""
        await self.client.delete(*await self.keys())

    async def keys(self) -> list[bytes]:
        return [key async for key in self.client.scan_iter(f"{self.namespace}:*")]


@asynccontextmanager
async def benches(url: str, limits: Limits | None = None, *, warm: bool = True) -> AsyncIterator[Bench]:
    async with Redis.from_url(url) as client:
        # Far shorter than in use, so that the numbers in the tests are easily reckoned.
        bench = Bench(client, replace(limits or Limits(), lead=0.005, horizon=0.02))
        if warm and bench.limits.quota:
            await bench.warm_up()
        yield bench
        if keys := await bench.keys():
            await client.delete(*keys)


def on_a_bench(
    url: str, scenario: Callable[[Bench], Awaitable[None]], limits: Limits | None = None, *, warm: bool = True
) -> None:
    """Run a scenario on a bench of its own."""

    async def run() -> None:
        async with benches(url, limits, warm=warm) as bench:
            await scenario(bench)

    asyncio.run(run())
