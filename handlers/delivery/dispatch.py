"""The dispatcher: claims what is due in one partition and sends it at the common pace, many requests in flight.

Claim, commit, call, settle, in this order. What it holds in memory is lost with it: a row it had claimed becomes
unconfirmed when its lease runs out, and a row it had not is somebody else's.
"""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime

import sqlalchemy as sa
import structlog

from handlers.delivery.claiming import Claiming, Contents
from handlers.delivery.flights import Flights
from handlers.delivery.pace import Grant, Pace, PaceUnavailable, Slot
from handlers.delivery.provider import Provider
from handlers.delivery.turn import turn

log = structlog.get_logger()

STRAGGLERS = 1.0
"""Seconds a slice waits at its end for requests in flight. What is answered later is settled later, by itself."""


@dataclass(kw_only=True)
class Dispatched:
    """What one slice of sending came to: settled rows by their new state, and whether more was due at its end."""

    settled: dict[str, int] = field(default_factory=dict)
    more: bool = False

    def count(self, state: str, rows: int = 1) -> None:
        """Add rows of a state."""
        self.settled[state] = self.settled.get(state, 0) + rows


class Dispatcher:
    """Sends for one worker process; used within one event loop.

    `in_flight` bounds the requests at any moment, `batch` the rows of one claim. In seconds: `lease`; departures closer
    than `together` are claimed in one transaction; an answer may `linger` until others are settled with it. `clock` is
    for simulated time; without it, the database's own clock counts.
    """

    def __init__(
        self,
        engine: sa.Engine,
        provider: Provider,
        pace: Pace,
        contents: Contents,
        *,
        in_flight: int = 128,
        batch: int = 64,
        lease: float = 120.0,
        together: float = 0.005,
        linger: float = 0.01,
        clock: Callable[[], datetime] | None = None,
    ) -> None:
        self.engine = engine
        self.provider = provider
        self.pace = pace
        self.contents = contents
        self.in_flight = in_flight
        self.batch = min(batch, in_flight)
        self.lease = lease
        self.together = together
        self.clock = clock
        self.stopping = False
        self.flights = Flights(engine, provider, pace, lease=lease, linger=linger, clock=clock)

    async def send(self, partition: int, *, seconds: float, run: str | None = None) -> Dispatched:
        """Send what is due in a partition, of one run or of all, until nothing is or the time is over.

        Does nothing while another sends in it. Requests that are answered late are left in flight: see `land`. Raises
        what the database raises; every answer that came is settled before.
        """
        hold = turn(self.engine, partition)
        ours = await asyncio.to_thread(hold.__enter__)
        try:
            return await Slice(self, partition, run).work(seconds) if ours else Dispatched()
        finally:
            await asyncio.to_thread(hold.__exit__, None, None, None)

    def stop(self) -> None:
        """Claim nothing more, so that slices end soon."""
        self.stopping = True

    async def land(self) -> None:
        """Return when every request is answered and settled. Raises what the database raises."""
        await self.flights.land()


class Slice:
    """One partition, for a while."""

    def __init__(self, of: Dispatcher, partition: int, run: str | None) -> None:
        self._of = of
        self._flights = of.flights
        self._claiming = Claiming(
            of.engine, of.provider, of.contents, partition, run, lease=of.lease, batch=of.batch, clock=of.clock
        )
        self._departed: set[asyncio.Task[None]] = set()
        self._result = Dispatched()

    async def work(self, seconds: float) -> Dispatched:
        """Send until nothing is due or the time is over, and see home what comes home soon."""
        loop = asyncio.get_running_loop()
        until = loop.time() + seconds
        try:
            while not self._of.stopping and await self._due() and loop.time() < until:
                await self._step(until - loop.time())
        finally:
            await self._flights.land(self._departed, STRAGGLERS)
        self._result.more = self._claiming.expected > 0 or loop.time() >= until
        return self._result

    async def _due(self) -> bool:
        """Whether there is something to ask slots for: one that is not used is lost to everybody."""
        if not self._claiming.expected:
            await asyncio.to_thread(self._claiming.look)
        return self._claiming.expected > 0

    async def _step(self, left: float) -> None:
        room = await self._room(left)
        if not room:
            return
        grant = await self._granted(min(room, self._claiming.expected))
        granted_at = asyncio.get_running_loop().time()
        if not grant.slots:
            # Whoever asks all the time gets slots one by one; asked for less often, they come by the handful.
            patience = self._of.pace.limits.horizon / 2 if grant.why == "quota" else 0.0
            await asyncio.sleep(min(max(grant.wait, patience), left))
            return
        slots = list(grant.slots)
        try:
            while slots and not self._of.stopping:
                await self._depart(slots, granted_at)
        finally:
            self._flights.give_back(slots)

    async def _room(self, left: float) -> int:
        """How many more requests may be in flight; waits until it is worth a claim, or for as long as is left."""
        loop = asyncio.get_running_loop()
        until = loop.time() + left
        while (room := self._of.in_flight - self._flights.count) < self._of.batch and loop.time() < until:
            await self._flights.some_landed(until - loop.time())
        return min(room, self._of.batch)

    async def _granted(self, want: int) -> Grant:
        try:
            return await self._of.pace.acquire(want)
        except PaceUnavailable as problem:
            log.warning("pace_unavailable", problem=str(problem))
            return Grant(slots=(), wait=0.5, why="outage")

    async def _depart(self, slots: list[Slot], granted_at: float) -> None:
        """Claim for the slots that are next, as late as possible, and let their requests go."""
        loop = asyncio.get_running_loop()
        lead = self._of.pace.limits.lead
        first = granted_at + slots[0].departs_in
        await asyncio.sleep(max(0.0, first - lead - loop.time()))
        soon = max(first, loop.time() + lead) + self._of.together - granted_at
        group = [slot for slot in slots if slot.departs_in <= soon]
        ready = await asyncio.to_thread(self._claiming.claim, len(group), loop.time(), self._result.count)
        del slots[: len(ready)]
        for slot, each in zip(group, ready, strict=False):
            self._departed.add(self._flights.depart(slot, each, granted_at + slot.departs_in, self._result.count))
        if len(ready) < len(group):
            # Nothing more is due, so the slots that are left are of no use either.
            self._flights.give_back(slots)
            slots.clear()
