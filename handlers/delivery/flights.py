"""Requests in flight: sent at their time, their answers settled with the ledger and with the pace."""

import asyncio
from collections.abc import Callable, Collection, Iterable
from datetime import datetime
from typing import TypeAlias

import sqlalchemy as sa
import structlog

from handlers.delivery.claiming import Ready
from handlers.delivery.drain import Drain
from handlers.delivery.ledger import Claim, settle
from handlers.delivery.pace import Pace, PaceUnavailable, Slot, Verdict
from handlers.delivery.provider import Accepted, Allowance, Answer, NotAccepted, Provider, Refused, Unconfirmed
from handlers.delivery.settlement import settlement_of

log = structlog.get_logger()

ABANDON_AFTER = 0.5
"""The share of its lease after which a claim is no longer sent: the answer must come while the lease holds."""

DATABASE_PATIENCE = 90.0
"""Seconds for which answers are kept in memory while the database is away."""

Count: TypeAlias = Callable[[str, int], None]
"""Is told of rows that were settled, by their new state."""

_PASSING = (sa.exc.OperationalError, sa.exc.InternalError, sa.exc.TimeoutError)
"""The database is away, still read-only after a failover, or all connections to it are taken."""

_Told: TypeAlias = tuple[Claim, Answer, Count]


class Flights:
    """All requests of one process that are not answered yet."""

    def __init__(
        self,
        engine: sa.Engine,
        provider: Provider,
        pace: Pace,
        *,
        lease: float,
        linger: float,
        clock: Callable[[], datetime] | None = None,
    ) -> None:
        self._engine = engine
        self._provider = provider
        self._pace = pace
        self._lease = lease
        self._clock = clock
        self._flying: set[asyncio.Task[None]] = set()
        self._answers: Drain[_Told] = Drain(self._settle_rows, linger=linger)
        self._verdicts: Drain[tuple[str, Verdict, float]] = Drain(self._settle_tokens)

    @property
    def count(self) -> int:
        """How many are in flight."""
        return len(self._flying)

    def depart(self, slot: Slot, ready: Ready, departs_at: float, count: Count) -> "asyncio.Task[None]":
        """Send a request when its time has come, which is told on the loop's clock."""
        flight = asyncio.ensure_future(self._fly(slot, ready, departs_at, count))
        self._flying.add(flight)
        flight.add_done_callback(self._flying.discard)
        return flight

    def give_back(self, slots: Iterable[Slot]) -> None:
        """Nothing is sent in these slots."""
        for slot in slots:
            self._verdicts.add((slot.token, Verdict.UNUSED, 0.0))

    async def some_landed(self, seconds: float) -> None:
        """Return when some request has been answered, or the time is over."""
        if self._flying:
            await asyncio.wait(self._flying, timeout=seconds, return_when=asyncio.FIRST_COMPLETED)
        else:
            await asyncio.sleep(seconds)

    async def land(self, flights: Collection["asyncio.Task[None]"] | None = None, seconds: float | None = None) -> None:
        """Wait until these requests, or all, are answered, or the time is over; then until what came is settled.

        Raises what the database raises.
        """
        waited = self._flying if flights is None else [flight for flight in flights if not flight.done()]
        if waited:
            await asyncio.wait(waited, timeout=seconds)
        await self._answers.empty()
        await self._verdicts.empty()

    async def _fly(self, slot: Slot, ready: Ready, departs_at: float, count: Count) -> None:
        loop = asyncio.get_running_loop()
        await asyncio.sleep(max(0.0, departs_at - loop.time()))
        if self._too_late(ready, departs_at, loop.time()):
            self.give_back([slot])
            self._answers.add((ready.claim, NotAccepted("held_too_long"), count))
            return
        answer, allowance = await self._sent(ready.request)
        self._verdicts.add((slot.token, _verdict(answer), _closed_for(answer, allowance)))
        self._answers.add((ready.claim, answer, count))

    def _too_late(self, ready: Ready, departs_at: float, now: float) -> bool:
        """Whether this process was held up so long that the answer, or the request itself, could come too late."""
        lease_wanes = now - ready.claimed_at > self._lease * ABANDON_AFTER
        slot_wanes = now - departs_at > self._pace.limits.transit / 2
        return lease_wanes or slot_wanes

    async def _sent(self, request: bytes) -> tuple[Answer, Allowance | None]:
        try:
            return await self._provider.send(request)
        except Exception as defect:
            # A provider answers whatever happens; one that raises may have sent the request or not.
            log.error("provider_raised", problem=type(defect).__name__)
            return Unconfirmed("provider_raised"), None

    async def _settle_tokens(self, verdicts: list[tuple[str, Verdict, float]]) -> None:
        closed_for = max(seconds for _, _, seconds in verdicts)
        try:
            await self._pace.settle([(token, verdict) for token, verdict, _ in verdicts], closed_for=closed_for)
        except PaceUnavailable as problem:
            # A token that is never settled is held for its longest time: slower, never faster.
            log.warning("pace_unavailable", problem=str(problem))

    async def _settle_rows(self, told: list[_Told]) -> None:
        loop = asyncio.get_running_loop()
        until = loop.time() + DATABASE_PATIENCE
        while True:
            try:
                await asyncio.to_thread(self._write, told)
                break
            except _PASSING as problem:
                if loop.time() > until:
                    raise
                log.warning("answers_wait_for_database", count=len(told), problem=type(problem).__name__)
                await asyncio.sleep(0.5)
        for claim, answer, count in told:
            count(settlement_of(answer, claim.attempt).state, 1)

    def _write(self, told: list[_Told]) -> None:
        settlements = [(claim, settlement_of(answer, claim.attempt)) for claim, answer, _ in told]
        with self._engine.begin() as connection:
            settle(connection, settlements, now=self._clock() if self._clock else None)


def _closed_for(answer: Answer, allowance: Allowance | None) -> float:
    """For how many seconds the provider wants no requests."""
    exhausted = allowance.reset_after if allowance and allowance.remaining <= 0 else 0.0
    if isinstance(answer, NotAccepted) and (answer.throttled or answer.retry_after):
        return max(exhausted, 1.0 if answer.retry_after is None else answer.retry_after)
    return exhausted


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
