"""After the storm: nobody is hurt any more, and everything has to come to its end by itself."""

import time
from collections.abc import Callable

import sqlalchemy as sa

from events import lagging
from tests.chaos.arena import Arena
from tests.chaos.load import Campaigns
from tests.chaos.plan import LEASE, Plan
from tests.chaos.repeated import EXPECTED

STANDS_STILL = 3.0
"""Seconds without an answer after which, in a hurry, a claim is taken for that of somebody dead."""


class NotHealed(Exception):
    """Something has not come to its end."""


class Healing:
    """Waits for one thing after the other. Raises NotHealed when one of them takes longer than the plan's patience."""

    def __init__(self, arena: Arena, plan: Plan, campaigns: Campaigns, say: Callable[[str], None]) -> None:
        self._arena = arena
        self._plan = plan
        self._campaigns = campaigns
        self._say = say

    def heal(self) -> None:
        """Servers, provider, the weeks that began and one more in peace, the claims of the dead, and the news."""
        self._until(self._servers_run, "the servers")
        self._until(self._provider_is_well, "the stand-in")
        self._campaigns.end_after_one_more()
        self._until(lambda: self._campaigns.idle, "the weeks that began, and one in peace")
        self._until(self._nothing_claimed, f"the claims of the dead (a lease is {LEASE:.0f} s)")
        self._until(lambda: not self._arena.provider().counts()["webhooks"]["waiting"], "the news")

    def settle(self) -> None:
        """The readers of the log come to its end. Nothing may happen in the shop any more."""
        self._until(self._settled, "the log's readers")

    def _servers_run(self) -> bool:
        self._arena.postgres.start(deadline=60)
        self._arena.valkey.start(deadline=60)
        return True

    def _provider_is_well(self) -> bool:
        self._arena.provider().behave()
        return True

    def _nothing_claimed(self) -> bool:
        claimed = self._claimed()
        if claimed and self._plan.hurry:
            time.sleep(STANDS_STILL)
            # Ending the lease of somebody who lives does no harm but to the figures: an answer is taken even then.
            self._end_leases(claimed & self._claimed())
        return not claimed and not self._arena.shop.rows(
            "SELECT FROM cutover.send_ledger WHERE state = 'planned' LIMIT 1"
        )

    def _claimed(self) -> set[str]:
        rows = self._arena.shop.rows("SELECT send_id FROM cutover.send_ledger WHERE state = 'sending'")
        return {row.send_id for row in rows}

    def _end_leases(self, send_ids: set[str]) -> None:
        self._arena.shop.change(
            "UPDATE cutover.send_ledger SET lease_until = clock_timestamp() "
            "WHERE state = 'sending' AND send_id = ANY(:send_ids)",
            send_ids=list(send_ids),
        )

    def _settled(self) -> bool:
        with self._arena.playground.engine.connect() as connection:
            waiting = connection.scalar(sa.text("SELECT EXISTS (SELECT FROM cutover.outbox)"))
            return not waiting and not lagging(connection, self._arena.playground.system.subscriptions)

    def _until(self, condition: Callable[[], bool], what: str) -> None:
        self._say(f"waiting for {what} ...")
        deadline = time.monotonic() + self._plan.patience
        while not self._holds(condition):
            if time.monotonic() > deadline:
                raise NotHealed(f"{what}: not at an end within {self._plan.patience:.0f} s after the storm")
            time.sleep(0.2)

    def _holds(self, condition: Callable[[], bool]) -> bool:
        try:
            return condition()
        except EXPECTED:
            return False
