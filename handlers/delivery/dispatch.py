"""The dispatcher: claims what is due in one partition and sends it at the common pace, many requests in flight.

Claim, commit, call, settle, in this order. What it holds in memory is lost with it: a row it had claimed becomes
unconfirmed when its lease runs out, and a row it had not is somebody else's.
"""

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import datetime

import sqlalchemy as sa
import structlog

from handlers.delivery.claiming import Claiming, Contents, Ready
from handlers.delivery.drain import Drain
from handlers.delivery.ledger import Claim, settle
from handlers.delivery.pace import Grant, Pace, PaceUnavailable, Slot, Verdict
from handlers.delivery.provider import Accepted, Allowance, Answer, NotAccepted, Provider, Refused, Unconfirmed
from handlers.delivery.settlement import Settlement, settlement_of
from handlers.delivery.turn import turn

log = structlog.get_logger()

ABANDON_AFTER = 0.5
"""The share of its lease after which a claim is no longer sent: the answer must come while the lease holds."""

DATABASE_PATIENCE = 90.0
"""Seconds for which answers are kept in memory while the database is away."""


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
        self.batch = batch
        self.lease = lease
        self.together = together
        self.linger = linger
        self.clock = clock

    async def send(self, partition: int, *, seconds: float, run: str | None = None) -> Dispatched:
        """Send what is due in a partition, of one run or of all, until nothing is or the time is over.

        Does nothing while another sends in it. Raises what the database raises; every answer that came is settled
        before.
        """
        hold = turn(self.engine, partition)
        ours = await asyncio.to_thread(hold.__enter__)
        try:
            return await Slice(self, partition, run).work(seconds) if ours else Dispatched()
        finally:
            await asyncio.to_thread(hold.__exit__, None, None, None)


class Slice:
    """One partition, for a while."""

    def __init__(self, of: Dispatcher, partition: int, run: str | None) -> None:
        self._of = of
        self._claiming = Claiming(
            of.engine, of.provider, of.contents, partition, run, lease=of.lease, batch=of.batch, clock=of.clock
        )
        self._flying: set[asyncio.Task[None]] = set()
        self._answers = Drain(self._settle_rows, linger=of.linger)
        self._verdicts = Drain(self._settle_tokens)
        self._result = Dispatched()

    async def work(self, seconds: float) -> Dispatched:
        """Send until nothing is due or the time is over, and see everything in flight home."""
        loop = asyncio.get_running_loop()
        until = loop.time() + seconds
        try:
            while await self._due() and loop.time() < until:
                await self._step(until - loop.time())
        finally:
            await self._land()
        self._result.more = self._claiming.expected > 0 or loop.time() >= until
        return self._result

    async def _due(self) -> bool:
        """Whether there is something to ask slots for: one that is not used is lost to everybody."""
        if not self._claiming.expected:
            await asyncio.to_thread(self._claiming.look)
        return self._claiming.expected > 0

    async def _step(self, left: float) -> None:
        grant = await self._granted(min(await self._room(), self._claiming.expected))
        granted_at = asyncio.get_running_loop().time()
        if not grant.slots:
            # Whoever asks all the time gets slots one by one; asked for less often, they come by the handful.
            patience = self._of.pace.limits.horizon / 2 if grant.why == "quota" else 0.0
            await asyncio.sleep(min(max(grant.wait, patience), left))
            return
        slots = list(grant.slots)
        try:
            while slots:
                await self._depart(slots, granted_at)
        finally:
            self._give_back(slots)

    async def _room(self) -> int:
        """How many more requests may be in flight; waits until it is worth a claim."""
        while (room := self._of.in_flight - len(self._flying)) < min(self._of.batch, self._of.in_flight):
            await asyncio.wait(self._flying, return_when=asyncio.FIRST_COMPLETED)
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
        first = granted_at + slots[0].departs_in
        await asyncio.sleep(max(0.0, first - self._of.pace.limits.lead - loop.time()))
        soon = max(first, loop.time() + self._of.pace.limits.lead) + self._of.together - granted_at
        group = [slot for slot in slots if slot.departs_in <= soon]
        ready = await asyncio.to_thread(self._claiming.claim, len(group), loop.time(), self._result.count)
        # A slot without a row stays in the list, to be given back; so do all others once nothing is due.
        del slots[: len(ready)]
        for slot, each in zip(group, ready, strict=False):
            flight = asyncio.ensure_future(self._fly(slot, each, granted_at + slot.departs_in))
            self._flying.add(flight)
            flight.add_done_callback(self._flying.discard)
        if len(ready) < len(group):
            self._give_back(slots)
            slots.clear()

    async def _fly(self, slot: Slot, ready: Ready, departs_at: float) -> None:
        loop = asyncio.get_running_loop()
        await asyncio.sleep(max(0.0, departs_at - loop.time()))
        if self._too_late(ready, departs_at, loop.time()):
            self._give_back([slot])
            self._answers.add((ready.claim, NotAccepted("held_too_long")))
            return
        answer, allowance = await self._sent(ready.request)
        closed_for = allowance.reset_after if allowance and allowance.remaining <= 0 else 0.0
        if isinstance(answer, NotAccepted) and (answer.throttled or answer.retry_after):
            closed_for = max(closed_for, answer.retry_after if answer.retry_after is not None else 1.0)
        self._verdicts.add((slot.token, _verdict(answer), closed_for))
        self._answers.add((ready.claim, answer))

    async def _sent(self, request: bytes) -> tuple[Answer, Allowance | None]:
        try:
            return await self._of.provider.send(request)
        except Exception as defect:
            # A provider answers whatever happens; one that raises may have sent the request or not.
            log.error("provider_raised", problem=type(defect).__name__)
            return Unconfirmed("provider_raised"), None

    def _too_late(self, ready: Ready, departs_at: float, now: float) -> bool:
        """Whether this process was held up so long that the answer, or the request itself, could come too late."""
        lease_wanes = now - ready.claimed_at > self._of.lease * ABANDON_AFTER
        slot_wanes = now - departs_at > self._of.pace.limits.transit / 2
        return lease_wanes or slot_wanes

    def _give_back(self, slots: Sequence[Slot]) -> None:
        for slot in slots:
            self._verdicts.add((slot.token, Verdict.UNUSED, 0.0))

    async def _settle_tokens(self, verdicts: list[tuple[str, Verdict, float]]) -> None:
        closed_for = max(seconds for _, _, seconds in verdicts)
        try:
            await self._of.pace.settle([(token, verdict) for token, verdict, _ in verdicts], closed_for=closed_for)
        except PaceUnavailable as problem:
            # A token that is never settled is held for its longest time: slower, never faster.
            log.warning("pace_unavailable", problem=str(problem))

    async def _settle_rows(self, answers: list[tuple[Claim, Answer]]) -> None:
        settlements = [(claimed, settlement_of(answer, claimed.attempt)) for claimed, answer in answers]
        loop = asyncio.get_running_loop()
        until = loop.time() + DATABASE_PATIENCE
        while True:
            try:
                await asyncio.to_thread(self._write, settlements)
                break
            except sa.exc.OperationalError as problem:
                if loop.time() > until:
                    raise
                log.warning("answers_wait_for_database", count=len(settlements), problem=type(problem.orig).__name__)
                await asyncio.sleep(0.5)
        for _, settlement in settlements:
            self._result.count(settlement.state)

    def _write(self, settlements: list[tuple[Claim, Settlement]]) -> None:
        with self._of.engine.begin() as connection:
            settle(connection, settlements, now=self._of.clock() if self._of.clock else None)

    async def _land(self) -> None:
        """Let everything in flight come home, and settle it."""
        if self._flying:
            await asyncio.wait(self._flying)
        await self._answers.empty()
        await self._verdicts.empty()


def _verdict(answer: Answer) -> Verdict:
    """What an answer says of the provider's health; a refused message shows that it is well."""
    match answer:
        case Accepted() | Refused():
            return Verdict.SUCCESS
        case NotAccepted(throttled=True):
            return Verdict.NEUTRAL
        case Unconfirmed():
            return Verdict.UNANSWERED
        case _:
            return Verdict.FAILURE
