"""Claiming one partition's due rows, a batch at a time, with requests made ready before the claim is committed."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

import sqlalchemy as sa

from handlers.delivery.ledger import Claim, Claimed, claim, due, settle
from handlers.delivery.message import Message
from handlers.delivery.provider import Provider, UnfitMessage
from handlers.delivery.settlement import Settlement

Contents = Callable[[sa.Connection, Sequence[Claim]], Mapping[str, Message]]
"""The messages of these claims by send id, read at the moment of sending; a user nobody knows any more is left out."""

START = ("", "")


@dataclass(frozen=True, slots=True)
class Ready:
    """A claim and the request to be sent for it. `claimed_at`: on the caller's clock, in seconds."""

    claim: Claim
    request: bytes
    claimed_at: float


class Claiming:
    """Goes through a partition from its first due row to its last; `expected` rows are due, as far as it knows."""

    def __init__(
        self,
        engine: sa.Engine,
        provider: Provider,
        contents: Contents,
        partition: int,
        run: str | None,
        *,
        lease: float,
        batch: int,
        clock: Callable[[], datetime] | None = None,
    ) -> None:
        self._engine = engine
        self._provider = provider
        self._contents = contents
        self._partition = partition
        self._run = run
        self._lease = lease
        self._batch = batch
        self._clock = clock
        self._after = START
        self.expected = 0

    def look(self) -> None:
        """Find out whether anything is due, from the start if need be: rows that were put back lie there."""
        with self._engine.connect() as connection:
            self.expected = due(
                connection, self._partition, self._batch, after=self._after, run=self._run, now=self._now()
            )
            if not self.expected and self._after != START:
                self._after = START
                self.expected = due(connection, self._partition, self._batch, run=self._run, now=self._now())

    def claim(self, limit: int, now: float, count: Callable[[str, int], None]) -> list[Ready]:
        """Claim up to `limit` rows and make their requests, so that after the commit nothing is left but the call.

        `count` is told of rows that came to an end here.
        """
        with self._engine.begin() as connection:
            found = claim(
                connection,
                self._partition,
                limit,
                lease=self._lease,
                after=self._after,
                run=self._run,
                now=self._now(),
            )
            messages = self._contents(connection, found.claims) if found.claims else {}
            ready: list[Ready] = []
            unfit: list[tuple[Claim, Settlement]] = []
            for each in found.claims:
                request = self._request(messages.get(each.send_id))
                if isinstance(request, bytes):
                    ready.append(Ready(each, request, now))
                else:
                    unfit.append((each, request))
            settle(connection, unfit, now=self._now())
        self._moved(found, limit)
        count("suppressed", found.suppressed)
        for _, settlement in unfit:
            count(settlement.state, 1)
        return ready

    def _now(self) -> datetime | None:
        return self._clock() if self._clock else None

    def _moved(self, found: Claimed, limit: int) -> None:
        self._after = found.last
        if not found.more:
            self.expected = 0
        elif limit >= self._batch:
            # Looking before every batch would cost more than now and then a claim that finds little.
            self.expected = limit
        else:
            self.expected = max(0, self.expected - limit)

    def _request(self, message: Message | None) -> bytes | Settlement:
        if message is None:
            return Settlement(state="suppressed", reason="unknown_user")
        try:
            return self._provider.prepare(message)
        except UnfitMessage as problem:
            return Settlement(state="failed", reason=f"unfit: {problem}"[:300])
