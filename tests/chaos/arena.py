"""The system under fire, on servers of its own: a shop, all its processes, and a count of what was sent."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

from console.playground import Playground
from console.processes import Child
from console.stand_in import stand_in
from runtime import servers, state
from runtime.postgres import Postgres
from runtime.valkey import Valkey
from sandbox.sendgrid.journal import Entry, read
from tests.chaos.plan import Plan
from tests.end_to_end.campaigns import OPENED, PARTITIONS, CampaignShop, history
from tests.end_to_end.stand_in_client import StandInClient


class Arena:
    """One system and the handles by which it is hurt. Whoever starts or signals its processes holds `hand`."""

    def __init__(self, playground: Playground, shop: CampaignShop, state_dir: Path, journal: Path) -> None:
        self.playground = playground
        self.shop = shop
        self.journal = journal
        self.hand = threading.RLock()
        sockets = state.sockets(state_dir)
        self.postgres = Postgres(state_dir=state_dir, sockets=sockets)
        self.valkey = Valkey(state_dir=state_dir, sockets=sockets)
        self.ended: list[str] = []
        """The names of processes that were found dead, each time."""

    def child(self, name: str) -> Child:
        """The process of this name, as it is now."""
        return self.shop.child(name)

    def look_after(self) -> None:
        """Start again what has ended: the supervisor's part."""
        with self.hand:
            self.ended += self.playground.processes.revive()

    def provider(self) -> StandInClient:
        """The stand-in as it is now: after each start its control is elsewhere. Raises OSError, ValueError."""
        mailbox = self.playground.mailbox
        assert mailbox is not None
        return StandInClient(mailbox)

    def accepted(self) -> list[Entry]:
        """Everything the stand-in ever accepted, by any of its lives."""
        return list(read(self.journal))


@contextmanager
def arena(state_dir: Path, plan: Plan) -> Iterator[Arena]:
    """The system, before its first campaign. Its servers are stopped at the end, its files stay."""
    try:
        found = servers.start(state_dir)
        journal = state_dir / "accepted.jsonl"
        mailbox = replace(stand_in(state_dir / "sendgrid", quota=plan.quota), journal=journal)
        with Playground(
            found, state_dir, PARTITIONS, name="chaos", workers=plan.workers, mailbox=mailbox
        ) as playground:
            playground.load(history(plan.users), lambda _: None)
            playground.backfill(lambda _: None)
            playground.stage("canary", 50.0, at=OPENED)
            playground.wait(mailbox.announcement.exists, "starting the stand-in")
            yield Arena(playground, CampaignShop(playground, state_dir), state_dir, journal)
    finally:
        servers.stop(state_dir)
