"""The event webhook: tells, in signed batches and until it is heard, what became of every mail."""

import asyncio
import heapq
import itertools
import random
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass

import aiohttp
import msgspec

from sandbox.sendgrid.acceptance import Acceptance
from sandbox.sendgrid.course import Course, Step
from sandbox.sendgrid.faults import Delay, Duplicate, Lose, Reorder, StripCustomArgs
from sandbox.sendgrid.misbehaviour import Misbehaviour
from sandbox.sendgrid.signature import Signer
from sandbox.sendgrid.webhook_events import event, new_event_id

BATCH = 1_000
PERIOD = 0.1
TIMEOUT = aiohttp.ClientTimeout(total=10)
BACKOFF = (0.1, 5.0)
HELD_BACK = 2.0
# Mails whose events are still to be told. Beyond it new mails are accepted and nothing is told of them.
MAX_WAITING = 500_000

Told = dict[str, object]


@dataclass(slots=True)
class _Followed:
    """A mail on its way, and the number of its next step."""

    mail: Acceptance
    custom_args: dict[str, str]
    course: Course
    next: int = 0


class Webhooks:
    """Posts events to `url`; without one, nothing is told.

    Batches go one after another and in order. A batch that is not answered with 2xx is posted again, ever more slowly,
    for as long as it takes. `link` gives the link that a click in a mail follows.
    """

    def __init__(
        self,
        *,
        url: str | None,
        signer: Signer,
        misbehaviour: Misbehaviour,
        speed: float,
        seed: int,
        link: Callable[[Acceptance], str],
    ) -> None:
        self.wanted = url is not None
        self._url = url
        self._signer = signer
        self._misbehaviour = misbehaviour
        self._speed = speed
        self._link = link
        self._random = random.Random(f"{seed}:webhooks")
        self._queue: list[tuple[float, int, _Followed | Told]] = []
        self._numbers = itertools.count()
        self._in_flight = 0
        self._counts = dict.fromkeys(("posted_events", "delivered_posts", "failed_posts", "lost_events"), 0)

    def follow(self, mail: Acceptance, custom_args: dict[str, str]) -> None:
        """Tell what becomes of this mail, as it happens."""
        if not self.wanted:
            return
        if len(self._queue) >= MAX_WAITING:
            self._counts["lost_events"] += len(mail.course)
            return
        followed = _Followed(mail, custom_args, mail.course)
        self._put(mail.at + followed.course[0].after / self._speed, followed)

    def counts(self) -> dict[str, int]:
        """The figures. `waiting` is 0 exactly if all has been told of every mail so far."""
        return {**self._counts, "waiting": len(self._queue) + self._in_flight}

    def empty(self) -> None:
        """Forget what is still to be told, and the counts."""
        self._queue.clear()
        self._counts = dict.fromkeys(self._counts, 0)

    async def run(self) -> None:
        """Post until cancelled; returns at once if there is no url."""
        if self._url is None:
            return
        async with aiohttp.ClientSession(timeout=TIMEOUT) as session:
            while True:
                batch = self._due(time.monotonic())
                if batch:
                    await self._deliver(session, self._url, batch)
                if len(batch) < BATCH:
                    await asyncio.sleep(max(PERIOD / self._speed, 0.005))

    def _due(self, now: float) -> list[Told]:
        batch: list[Told] = []
        while self._queue and self._queue[0][0] <= now and len(batch) < BATCH:
            due, _, what = heapq.heappop(self._queue)
            if isinstance(what, _Followed):
                batch.extend(self._step(what, due))
            else:
                batch.append(what)
        if self._misbehaviour.active(Reorder):
            self._random.shuffle(batch)
        return batch

    def _step(self, followed: _Followed, due: float) -> Iterator[Told]:
        """Take the mail's next step, and tell of it now unless a fault says otherwise."""
        step = followed.course[followed.next]
        followed.next += 1
        if followed.next < len(followed.course):
            later = followed.course[followed.next].after
            self._put(followed.mail.at + later / self._speed, followed)
        late = self._lateness()
        for told in self._tellings(followed, step):
            if late:
                self._put(due + late, told)
            else:
                yield told

    def _tellings(self, followed: _Followed, step: Step) -> Iterator[Told]:
        strikes = self._misbehaviour.strikes
        if strikes(Lose):
            self._counts["lost_events"] += 1
            return
        arguments = {} if strikes(StripCustomArgs) else followed.custom_args
        link = self._link(followed.mail) if step.kind == "click" else ""
        told = event(followed.mail, step, custom_args=arguments, url=link, speed=self._speed)
        yield told
        if (duplicate := strikes(Duplicate)) is not None:
            for _ in range(duplicate.copies - 1):
                yield {**told, "sg_event_id": new_event_id()}

    def _lateness(self) -> float:
        delay = self._misbehaviour.strikes(Delay)
        late = delay.seconds if delay else 0.0
        if self._misbehaviour.strikes(Reorder):
            late += self._random.uniform(0, HELD_BACK)
        return late / self._speed

    def _put(self, due: float, what: _Followed | Told) -> None:
        heapq.heappush(self._queue, (due, next(self._numbers), what))

    async def _deliver(self, session: aiohttp.ClientSession, url: str, batch: list[Told]) -> None:
        self._in_flight = len(batch)
        body = msgspec.json.encode(batch)
        pause, slowest = BACKOFF
        while not await self._post(session, url, body):
            self._counts["failed_posts"] += 1
            await asyncio.sleep(pause)
            pause = min(2 * pause, slowest)
        self._counts["delivered_posts"] += 1
        self._counts["posted_events"] += len(batch)
        self._in_flight = 0

    async def _post(self, session: aiohttp.ClientSession, url: str, body: bytes) -> bool:
        headers = {"Content-Type": "application/json", **self._signer.headers(body)}
        try:
            async with session.post(url, data=body, headers=headers) as answer:
                await answer.read()
                return 200 <= answer.status < 300
        except (aiohttp.ClientError, TimeoutError, OSError):
            return False
