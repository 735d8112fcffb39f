"""A campaign end to end: a shop of many users, real processes that send to the stand-in, and what is done to them."""

import os
import signal
import subprocess
import sys
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from itertools import count
from pathlib import Path
from typing import Any
from unittest.mock import patch

import psutil
import sqlalchemy as sa
from typer.testing import CliRunner

from console.cli import command_line
from console.playground import Playground
from console.processes import Child, environment
from console.stand_in import stand_in
from handlers.delivery import campaign
from handlers.delivery.books import Books, books
from runtime.servers import Servers
from sandbox.shop.actions import Action, AddProduct, PlaceOrder, RegisterUser
from sandbox.shop.shop import perform
from tests import batch
from tests.deadline import wait_until
from tests.end_to_end.stand_in_client import StandInClient, send_ids

PARTITIONS = 4
OPENED = datetime(2024, 12, 2, 9, tzinfo=UTC)
"""The shop's first day. Its runs are for weeks of 2025, which are past whatever day it is."""

_shared: list["CampaignShop"] = []


@contextmanager
def shared_shop(servers: Servers, state_dir: Path) -> Iterator["CampaignShop"]:
    """The one shop of the session: starting its processes takes longer than a campaign. For a fixture of that scope.

    Whoever asks first starts it and, being torn down last, ends it.
    """
    if _shared:
        yield _shared[0]
        return
    with campaign_shop(servers, state_dir, "campaigns", users=300, quota=300) as started:
        _shared.append(started)
        yield started
        _shared.clear()


@contextmanager
def campaign_shop(servers: Servers, state_dir: Path, name: str, *, users: int, quota: int) -> Iterator["CampaignShop"]:
    """A shop of so many users `u0000`..., with every process that belongs to it, before its first run."""
    mailbox = stand_in(state_dir / f"sendgrid-{name}", quota=quota)
    with Playground(servers, state_dir, PARTITIONS, name=name, workers=2, mailbox=mailbox) as playground:
        playground.load(history(users), lambda _: None)
        playground.backfill(lambda _: None)
        playground.stage("canary", 50.0, at=OPENED)
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


class CampaignShop:
    """A shop whose runs send, half of their e-mails by either path, with everything running that belongs to it."""

    def __init__(self, playground: Playground, state_dir: Path) -> None:
        assert playground.mailbox is not None
        self.playground = playground
        self.provider = StandInClient(playground.mailbox)
        self._variables: Mapping[str, str] = {
            **environment(playground.system.servers, state_dir, PARTITIONS),
            **playground.mailbox.variables,
            "CUTOVER_NAMESPACE": playground.database,
        }
        self._weeks = count(2)

    @property
    def users(self) -> int:
        """How many there are."""
        return int(self.rows("SELECT count(*) AS users FROM shop.users")[0].users)

    def next_run(self) -> str:
        """The name of a run that has not begun, with a provider that is well."""
        self.provider.behave()
        return f"2025-W{next(self._weeks):02d}"

    def begin(self, **faults: object) -> str:
        """Begin the next run, with a provider that has these faults, and plan the legacy path's half of it."""
        batch.needed()
        run = self.next_run()
        self.provider.misbehave(**faults)
        self.playground.legacy(run)
        return run

    def begun(self, **faults: object) -> str:
        """The same, and wait until a fifth of the users have got their e-mail."""
        run = self.begin(**faults)
        self.wait(lambda: self.books(run).states["accepted"] >= 0.2 * self.users, f"a fifth of run {run}")
        return run

    @contextmanager
    def half_sent(self) -> Iterator[str]:
        """The next run, every other e-mail of it sent; inside, the others are planned and nobody can claim them."""
        batch.needed()
        run = self.next_run()
        self.change(_PAUSED_FROM_THE_START, run=run)
        self.playground.legacy(run)
        self.playground.event_driven(run)
        with self.playground.engine.connect() as holder:
            held = holder.execute(_HOLD_EVERY_OTHER, {"run": run}).scalars().all()
            with self.playground.engine.begin() as connection:
                assert campaign.resume(connection, run)
            self.wait(lambda: self.books(run).states["accepted"] == self.users - len(held), f"half of run {run}")
            assert self.in_state(run, "planned") == {*held}
            yield run
            # A claim that is under way has not seen what was changed meanwhile.
            began = self.rows("SELECT clock_timestamp() AS now")[0].now
            self.wait(lambda: not self.rows(_UNDER_WAY, before=began), "the statements that have begun")

    def finished(self, run: str) -> Books:
        """Wait until both paths have handed in their e-mails and none is planned or in flight; the books."""
        self.playground.event_driven(run)
        self.wait(lambda: self.books(run).open == 0, f"sending run {run}")
        return self.books(run)

    def resolved(self, run: str) -> Books:
        """Wait until everything is sent and nothing unconfirmed; the books."""
        self.finished(run)
        self.wait(lambda: not self.in_state(run, "unconfirmed"), f"resolving run {run}")
        return self.books(run)

    def told_of(self, run: str) -> set[str]:
        """Wait until the webhook has told of all that was accepted; the send ids that are unconfirmed even so."""
        self.wait(
            lambda: not self.in_state(run, "sending", "unconfirmed") & send_ids(self.provider.accepted()),
            f"what the webhook tells of run {run}",
        )
        return self.in_state(run, "unconfirmed")

    def outlived(self, run: str, in_flight: Collection[str]) -> set[str]:
        """Wait until the living have sent all they have, and end the leases of the dead; what is unconfirmed then.

        `in_flight` is what anybody had claimed just after the blow (send ids). Of what is left of it the webhook tells
        what was accepted, so that none of what comes back was.
        """
        self.playground.event_driven(run)

        def only_the_dead_have_any() -> bool:
            left = self.in_state(run, "sending")
            return left <= {*in_flight} - send_ids(self.provider.accepted()) and not self.in_state(run, "planned")

        self.wait(only_the_dead_have_any, f"what the living send of run {run}")
        self.change(
            "UPDATE cutover.send_ledger SET lease_until = clock_timestamp() WHERE run = :run AND state = 'sending'",
            run=run,
        )
        self.finished(run)
        return self.told_of(run)

    @contextmanager
    def paused(self, run: str) -> Iterator[None]:
        """While the campaign is paused, and nothing of it in flight any more."""
        with self.playground.engine.begin() as connection:
            assert campaign.pause(connection, run, by="a test")
        self.wait(lambda: not self.in_state(run, "sending"), f"what run {run} has in flight")
        yield
        with self.playground.engine.begin() as connection:
            assert campaign.resume(connection, run)

    def wait(self, condition: Callable[[], object], what: str, *, seconds: float = 120.0) -> None:
        """Return when the condition holds; fail after so long, or when a process ends by itself."""

        def holds() -> bool:
            self.playground.look_after()
            return bool(condition())

        wait_until(holds, seconds=seconds, what=what)

    def happen(self, *actions: Action) -> None:
        """Let these happen in the shop, in one transaction."""
        with self.playground.engine.begin() as connection:
            for action in actions:
                perform(connection, action)

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

    def ledger(self, run: str) -> Mapping[str, sa.Row[Any]]:
        """The run's rows by user."""
        rows = self.rows("SELECT * FROM cutover.send_ledger WHERE run = :run", run=run)
        return {row.user_id: row for row in rows}

    def in_state(self, run: str, *states: str) -> set[str]:
        """The send ids of the rows in these states."""
        return {row.send_id for row in self.ledger(run).values() if row.state in states}

    def told(self, run: str, event_type: str) -> int:
        """How many events of this type are logged, or will be, of the run."""
        either = "SELECT type, data FROM cutover.events UNION ALL SELECT type, data FROM cutover.outbox"
        statement = f"SELECT FROM ({either}) AS told WHERE type = :type AND data ->> 'run' = :run"
        return len(self.rows(statement, type=event_type, run=run))

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

    def start(self, *arguments: str) -> "subprocess.Popen[str]":
        """Start `cutover` with these arguments as a process of its own."""
        command = [sys.executable, "-m", "console.cli", *arguments]
        return subprocess.Popen(command, env=self._variables, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)

    def cutover(self, *arguments: str, code: int = 0) -> str:
        """Run `cutover ... --json` in this process, which saves seconds; what it printed.

        It must end with this exit code.
        """
        with patch.dict(os.environ, self._variables):
            result = CliRunner().invoke(command_line(arguments), [*arguments, "--json"])
        assert result.exit_code == code, result.output
        return result.stdout


_PAUSED_FROM_THE_START = """
    INSERT INTO cutover.campaigns (run, send_by, paused_at, paused_by)
    VALUES (:run, clock_timestamp() + interval '1 hour', clock_timestamp(), 'a test')
"""

_HOLD_EVERY_OTHER = sa.text("""
    SELECT send_id FROM cutover.send_ledger WHERE run = :run AND right(user_id, 1) IN ('1', '3', '5', '7', '9')
    FOR UPDATE
""")

_UNDER_WAY = """
    SELECT FROM pg_stat_activity
    WHERE datname = current_database() AND pid <> pg_backend_pid() AND state = 'active' AND query_start < :before
"""
