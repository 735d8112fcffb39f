"""A campaign end to end: a shop of many users, real processes that send to the stand-in, and what is done to them."""

import json
import os
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from itertools import count
from pathlib import Path
from typing import Any

import psutil
import sqlalchemy as sa

from console.playground import Playground
from console.processes import Child, environment
from console.stand_in import stand_in
from handlers.delivery.books import Books, books
from runtime.servers import Servers
from sandbox.shop.actions import Action, AddProduct, PlaceOrder, RegisterUser
from sandbox.shop.shop import perform
from tests.deadline import wait_until
from tests.end_to_end.stand_in_client import StandInClient

PARTITIONS = 4
OPENED = datetime(2024, 12, 2, 9, tzinfo=UTC)
"""The shop's first day. Its runs are for weeks of 2025, which are past whatever day it is."""


class CampaignShop:
    """A shop whose runs send, half of their e-mails by either path, with everything running that belongs to it."""

    def __init__(self, playground: Playground, state_dir: Path) -> None:
        assert playground.mailbox is not None
        self.playground = playground
        self.mailbox = playground.mailbox
        self.provider = StandInClient(self.mailbox)
        self._state_dir = state_dir
        self._weeks = count(2)

    def begin(self, path: str = "both") -> str:
        """Begin the next week's run, and plan the legacy path's half unless it is left to somebody else; its name."""
        run = self.next_run()
        if path == "both":
            self.playground.legacy(run)
        else:
            self.playground.barrier(run)
        return run

    def next_run(self) -> str:
        """The name of a run that has not begun."""
        return f"2025-W{next(self._weeks):02d}"

    def happen(self, *actions: Action) -> None:
        """Let these happen in the shop, in one transaction."""
        with self.playground.engine.begin() as connection:
            for action in actions:
                perform(connection, action)

    def until(self, run: str, share: float = 0.2) -> None:
        """Wait until this share of the users has got their e-mail."""
        with self.playground.engine.connect() as connection:
            users = connection.scalar(sa.text("SELECT count(*) FROM shop.users")) or 0
        self.wait(lambda: self.books(run).states["accepted"] >= share * users, f"{share:.0%} of run {run}")

    def finished(self, run: str) -> Books:
        """Wait until both paths have handed in their e-mails and none is planned or in flight; the books."""
        self.playground.event_driven(run)
        self.wait(lambda: self.books(run).open == 0, f"sending run {run}")
        return self.books(run)

    def resolved(self, run: str) -> Books:
        """Wait until everything is sent and nothing unconfirmed; the books."""
        self.finished(run)
        self.wait(lambda: not self.books(run).states["unconfirmed"], f"resolving run {run}")
        return self.books(run)

    def wait(self, condition: Callable[[], object], what: str, *, seconds: float = 90.0) -> None:
        """Return when the condition holds; fail after so long, or when a process ends by itself."""

        def holds() -> bool:
            self.playground.processes.check()
            return bool(condition())

        wait_until(holds, seconds=seconds, what=what)

    def books(self, run: str) -> Books:
        """The run's books as they are now."""
        with self.playground.engine.connect() as connection:
            return books(connection, run)

    def rows(self, statement: str, **parameters: object) -> Sequence[sa.Row[Any]]:
        """What a query finds."""
        with self.playground.engine.connect() as connection:
            return connection.execute(sa.text(statement), parameters).all()

    def change(self, statement: str, **parameters: object) -> int:
        """How many rows a statement changed."""
        with self.playground.engine.begin() as connection:
            return connection.execute(sa.text(statement), parameters).rowcount

    def in_state(self, run: str, *states: str) -> dict[str, str]:
        """The users in these states, each with the send id."""
        statement = "SELECT user_id, send_id FROM cutover.send_ledger WHERE run = :run AND state = ANY(:states)"
        return {row.user_id: row.send_id for row in self.rows(statement, run=run, states=list(states))}

    def child(self, name: str) -> Child:
        """The process of this name."""
        return next(child for child in self.playground.processes.children if child.name == name)

    def kill(self, name: str) -> list[psutil.Process]:
        """SIGKILL the process of this name, and only it, and let the supervisor look; what it had forked."""
        process = self.child(name).process
        forked = psutil.Process(process.pid).children()
        os.kill(process.pid, signal.SIGKILL)
        process.wait()
        assert self.playground.processes.revive() == [name]
        return forked

    def command(self, *arguments: str) -> "subprocess.Popen[str]":
        """Start `cutover` with these arguments on this shop."""
        servers = self.playground.system.servers
        variables = {
            **environment(servers, self._state_dir, PARTITIONS),
            **self.mailbox.variables,
            "CUTOVER_NAMESPACE": self.playground.database,
        }
        command = [sys.executable, "-m", "console.cli", *arguments]
        return subprocess.Popen(command, env=variables, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)

    def cutover(self, *arguments: str, code: int = 0) -> Any:
        """Run `cutover ... --json`, which must end with this exit code; what it printed."""
        with self.command(*arguments, "--json") as process:
            printed, said = process.communicate(timeout=120)
        assert process.returncode == code, said
        return json.loads(printed)


@contextmanager
def campaign_shop(
    servers: Servers, state_dir: Path, name: str, *, users: int, quota: int, percent: float = 50.0
) -> Iterator[CampaignShop]:
    """A shop of so many users `u0000`..., with every process that belongs to it, before its first run."""
    mailbox = stand_in(state_dir / f"sendgrid-{name}", quota=quota)
    with Playground(servers, state_dir, PARTITIONS, name=name, workers=2, mailbox=mailbox) as playground:
        playground.load(history(users), lambda _: None)
        playground.backfill(lambda _: None)
        playground.stage("canary", percent, at=OPENED)
        playground.wait(mailbox.announcement.exists, "starting the stand-in")
        yield CampaignShop(playground, state_dir)


def history(users: int) -> Iterator[Action]:
    """Twelve products, and users who have bought one of them each."""
    for number in range(12):
        yield AddProduct(at=OPENED, product_id=f"p{number:02d}", name=f"Garden Lantern {number}", price=500 + number)
    for number in range(users):
        user_id = f"u{number:04d}"
        joined = OPENED + timedelta(minutes=number)
        yield RegisterUser(at=joined, user_id=user_id, name=f"Name {number}", email=f"{user_id}@example.com")
        line = (f"p{number % 12:02d}", 1)
        yield PlaceOrder(at=joined, order_id=f"o{number}", user_id=user_id, lines=(line,))
