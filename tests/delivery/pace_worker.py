"""A greedy worker in a process of its own; prints when it sent what (monotonic seconds, the same for all processes).

python -m tests.delivery.pace_worker URL NAMESPACE QUOTA WINDOW SECONDS
"""

import asyncio
import sys
import time

from redis.asyncio import Redis

from handlers.delivery.pace import Limits, Pace, Verdict


async def work(url: str, namespace: str, limits: Limits, seconds: float) -> list[float]:
    """Send whatever the pace gives out, to a provider that answers at once."""
    sent: list[float] = []
    end = time.monotonic() + seconds
    async with Redis.from_url(url) as client:
        pace = Pace(client, namespace, limits)
        while not sent or time.monotonic() < end:
            grant = await pace.acquire(7)
            came = time.monotonic()
            await asyncio.sleep(grant.wait)
            for slot in grant.slots:
                await asyncio.sleep(came + slot.departs_in - time.monotonic())
                sent.append(time.monotonic())
            await pace.settle([(slot.token, Verdict.SUCCESS) for slot in grant.slots])
    return sent


if __name__ == "__main__":
    where, name, quota, window, duration = sys.argv[1:]
    limits = Limits(quota=int(quota), window=float(window), burst=5)
    sys.stdout.write("\n".join(map(repr, asyncio.run(work(where, name, limits, float(duration))))))
