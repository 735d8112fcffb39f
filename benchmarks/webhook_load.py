"""The sender of the webhook's benchmark: every post when it is due, whether or not the one before was answered."""

import asyncio
import time
from collections import Counter
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field

import aiohttp

from benchmarks.webhook_news import Post

PATH = "/webhooks/sendgrid"
TIMEOUT = aiohttp.ClientTimeout(total=30)
FIRST_PAUSE, LONGEST_PAUSE = 0.1, 2.0
PATIENCE = 90.0
"""Seconds after which a post that nobody takes is given up, so that the benchmark comes to an end."""


@dataclass(kw_only=True)
class Sent:
    """What became of the posts. `latencies`: seconds from when each was due to its good answer.

    `failures` counts other answers by their status, and "refused" and other ways to get none by their names.
    """

    posts: int = 0
    events: int = 0
    latencies: list[float] = field(default_factory=list)
    failures: Counter[str] = field(default_factory=Counter)
    given_up: int = 0
    latest: float = 0.0
    """By how many seconds the sender itself was late at most."""

    def percentile(self, part: float) -> float:
        """The latency that this part of the posts did not exceed, in milliseconds; nan when none was answered."""
        found = sorted(self.latencies)
        return 1000 * found[min(len(found) - 1, int(part * len(found)))] if found else float("nan")


async def send(address: str, posts: Iterable[Post], midway: Callable[[], None] | None, after: float) -> Sent:
    """Post all of them, again and again until they are taken; `midway` is called in a thread `after` so many seconds.

    A post's latency counts from when it was due, so that what waits behind a slow one is counted as waiting.
    """
    sent = Sent()
    connector = aiohttp.TCPConnector(limit=100)
    async with (
        aiohttp.ClientSession(address, connector=connector, timeout=TIMEOUT) as session,
        asyncio.TaskGroup() as all_,
    ):
        began = time.monotonic() + 0.5
        if midway is not None:
            all_.create_task(_later(began + after, midway))
        for post in posts:
            due = began + post.due
            await asyncio.sleep(due - time.monotonic())
            sent.latest = max(sent.latest, time.monotonic() - due)
            sent.posts += 1
            sent.events += post.events
            all_.create_task(_deliver(session, post, due, sent))
    return sent


async def _later(moment: float, action: Callable[[], None]) -> None:
    await asyncio.sleep(moment - time.monotonic())
    await asyncio.to_thread(action)


async def _deliver(session: aiohttp.ClientSession, post: Post, due: float, sent: Sent) -> None:
    pause = FIRST_PAUSE
    while time.monotonic() < due + PATIENCE:
        failure = await _attempt(session, post)
        if failure is None:
            sent.latencies.append(time.monotonic() - due)
            return
        sent.failures[failure] += 1
        await asyncio.sleep(pause)
        pause = min(LONGEST_PAUSE, 2 * pause)
    sent.given_up += 1


async def _attempt(session: aiohttp.ClientSession, post: Post) -> str | None:
    """None if it was taken, else why not."""
    try:
        async with session.post(PATH, data=post.body, headers=post.headers) as answer:
            await answer.read()
            return None if answer.status // 100 == 2 else str(answer.status)
    except aiohttp.ClientConnectorError:
        return "refused"
    except (aiohttp.ClientError, TimeoutError) as problem:
        return type(problem).__name__
