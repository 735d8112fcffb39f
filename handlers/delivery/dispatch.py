"""The dispatcher: claims what is due in one partition and sends it at the common pace, many requests in flight.

Claim, commit, call, settle, in this order. What it holds in memory is lost with it: a row it had claimed becomes
unconfirmed when its lease runs out, and a row it had not is somebody else's.
"""

import asyncio
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

import sqlalchemy as sa
import structlog

from handlers.delivery.drain import Drain
from handlers.delivery.ledger import Claim, claim, settle
from handlers.delivery.message import Message
from handlers.delivery.pace import Grant, Pace, PaceUnavailable, Slot, Verdict
from handlers.delivery.provider import (
    Accepted,
    Answer,
    NotAccepted,
    Provider,
    Refused,
    Unconfirmed,
    UnfitMessage,
)
from handlers.delivery.settlement import Settlement, settlement_of

log = structlog.get_logger()

Contents = Callable[[sa.Connection, Sequence[Claim]], Mapping[str, Message]]
"""The messages of these claims by send id, read at the moment of sending; a user nobody knows any more is left out."""

ABANDON_AFTER = 0.5
"""The share of its lease after which a claim is no longer sent: the answer must come while the lease holds."""

LINGER = 0.01
"""Seconds an answer may wait for others before they are settled together."""

DATABASE_PATIENCE = 90.0
"""Seconds for which answers are kept in memory while the database is away."""


@dataclass(frozen=True, slots=True)
class _Ready:
    claim: Claim
    request: bytes
    claimed_at: float


@dataclass(kw_only=True)
class Dispatched:
    """What one slice of sending came to: settled rows by their new state, and whether more was due at its end."""

    settled: dict[str, int] = field(default_factory=dict)
    more: bool = False

    def count(self, state: str, rows: int = 1) -> None:
        """Add rows of a state."""
        self.settled[state] = self.settled.get(state, 0) + rows


class Dispatcher:
    """Sends for one worker process; used within one event loop. `in_flight` bounds the requests at any moment."""

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
    ) -> None:
        self._engine = engine
        self._provider = provider
        self._pace = pace
        self._contents = contents
        self._in_flight = in_flight
        self._batch = batch
        self._lease = lease

    async def send(self, partition: int, *, seconds: float, run: str | None = None) -> Dispatched:
        """Send what is due in a partition, of one run or of all, until nothing is or the time is over.

        Raises what the database raises; every answer that came is settled before.
        """
        return await _Slice(self, partition, run).work(seconds)


class _Slice:
    """One partition, for a while."""

    def __init__(self, of: Dispatcher, partition: int, run: str | None) -> None:
        self._of = of
        self._partition = partition
        self._run = run
        self._after = ("", "")
        self._flying: set[asyncio.Task[None]] = set()
        self._answers = Drain(self._settle_rows, linger=LINGER)
        self._verdicts = Drain(self._settle_tokens)
        self._result = Dispatched()

    async def work(self, seconds: float) -> Dispatched:
        loop = asyncio.get_running_loop()
        until = loop.time() + seconds
        self._result.more = True
        try:
            while self._result.more and loop.time() < until:
                await self._step(until - loop.time())
        finally:
            await self._land()
        return self._result

    async def _step(self, left: float) -> None:
        room = self._of._in_flight - len(self._flying)
        if room < min(self._of._batch, self._of._in_flight) and self._flying:
            await asyncio.wait(self._flying, return_when=asyncio.FIRST_COMPLETED)
            room = self._of._in_flight - len(self._flying)
        grant = await self._granted(min(room, self._of._batch))
        if not grant.slots:
            await asyncio.sleep(min(grant.wait, left))
            return
        granted_at = asyncio.get_running_loop().time()
        try:
            ready = await asyncio.to_thread(self._claimed, len(grant.slots), granted_at)
        except BaseException:
            self._give_back(grant.slots)
            raise
        self._give_back(grant.slots[len(ready) :])
        for slot, each in zip(grant.slots, ready, strict=False):
            flight = asyncio.ensure_future(self._fly(slot, each, granted_at + slot.departs_in))
            self._flying.add(flight)
            flight.add_done_callback(self._flying.discard)

    async def _granted(self, want: int) -> Grant:
        try:
            return await self._of._pace.acquire(want)
        except PaceUnavailable as problem:
            log.warning("pace_unavailable", problem=str(problem))
            return Grant(slots=(), wait=0.5, why="outage")

    def _claimed(self, limit: int, now: float) -> list[_Ready]:
        """Claim rows and prepare their requests, so that nothing but the call is left to do after the commit."""
        with self._of._engine.begin() as connection:
            found = claim(connection, self._partition, limit, lease=self._of._lease, after=self._after, run=self._run)
            messages = self._of._contents(connection, found.claims) if found.claims else {}
            ready: list[_Ready] = []
            unfit: list[tuple[Claim, Settlement]] = []
            for each in found.claims:
                request = self._request(messages.get(each.send_id))
                if isinstance(request, bytes):
                    ready.append(_Ready(each, request, now))
                else:
                    unfit.append((each, request))
            settle(connection, unfit)
        # Rows put back meanwhile lie before the cursor: only a pass from the start that finds none ends the work.
        self._result.more = found.more or self._after != ("", "")
        self._after = found.last if found.more else ("", "")
        self._result.count("suppressed", found.suppressed)
        for _, settlement in unfit:
            self._result.count(settlement.state)
        return ready

    def _request(self, message: Message | None) -> bytes | Settlement:
        if message is None:
            return Settlement(state="suppressed", reason="unknown_user")
        try:
            return self._of._provider.prepare(message)
        except UnfitMessage as problem:
            return Settlement(state="failed", reason=f"unfit: {problem}")

    async def _fly(self, slot: Slot, ready: _Ready, departs_at: float) -> None:
        loop = asyncio.get_running_loop()
        await asyncio.sleep(max(0.0, departs_at - loop.time()))
        if loop.time() - ready.claimed_at > self._of._lease * ABANDON_AFTER:
            self._give_back([slot])
            self._answers.add((ready.claim, NotAccepted("held_too_long")))
            return
        answer, allowance = await self._of._provider.send(ready.request)
        closed_for = allowance.reset_after if allowance and allowance.remaining <= 0 else 0.0
        if isinstance(answer, NotAccepted) and (answer.throttled or answer.retry_after):
            closed_for = max(closed_for, answer.retry_after if answer.retry_after is not None else 1.0)
        self._verdicts.add((slot.token, _verdict(answer), closed_for))
        self._answers.add((ready.claim, answer))

    def _give_back(self, slots: Sequence[Slot]) -> None:
        for slot in slots:
            self._verdicts.add((slot.token, Verdict.UNUSED, 0.0))

    async def _settle_tokens(self, verdicts: list[tuple[str, Verdict, float]]) -> None:
        closed_for = max(seconds for _, _, seconds in verdicts)
        try:
            await self._of._pace.settle([(token, verdict) for token, verdict, _ in verdicts], closed_for=closed_for)
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
        with self._of._engine.begin() as connection:
            settle(connection, settlements)

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
