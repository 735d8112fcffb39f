"""A site for the webhook's benchmark: the web application, a relay and a tracking worker on a database of their own."""

import sys
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from types import TracebackType
from typing import Self

import psutil
import sqlalchemy as sa

from console.connected import reachable
from console.processes import Processes, environment, web_command, worker_command
from console.stand_in import StandIn, stand_in
from console.wiring import System, build
from events import Subscriptions, lagging
from handlers.delivery.settings import DeliverySettings
from handlers.tracking.fold import tracking_subscription
from runtime import database as databases
from runtime import servers, state
from runtime.postgres import Postgres
from runtime.servers import Servers
from runtime.settings import Settings
from sandbox.shop.schema import create_tables

DATABASE = "cutover_webhook_bench"
PATIENCE = 120.0


class NotInTime(Exception):
    """Something that other processes do has not happened within two minutes."""


class Site:
    """The running system; entering it drops what an earlier one left, leaving it stops the processes.

    `keys` holds the key that news are signed with, and the port.
    """

    def __init__(self, found: Servers, state_dir: Path, partitions: int) -> None:
        self.partitions = partitions
        self.logs = state_dir / "logs" / "webhook_bench"
        self.keys: StandIn = stand_in(state_dir / "webhook_bench")
        self._state_dir = state_dir
        found = replace(found, database_url=databases.database_url(found.database_url, DATABASE))
        self.system: System = build(found, partitions, DATABASE, DeliverySettings())
        variables = {name: self.keys.variables[name] for name in ("SENDGRID_WEBHOOK_KEY", "CUTOVER_LINK_KEY")}
        env = environment(found, state_dir, partitions)
        self.processes = Processes({**env, **variables, "CUTOVER_NAMESPACE": DATABASE}, self.logs)

    @property
    def engine(self) -> sa.Engine:
        """The site's database."""
        return self.system.engine

    @property
    def address(self) -> str:
        """Of the web application."""
        return f"http://127.0.0.1:{self.keys.web_port}"

    @property
    def web_cpu_seconds(self) -> float:
        """What the web application has used so far: it says more than latency where others use the machine too."""
        (pid,) = (child.process.pid for child in self.processes.children if child.name == "web")
        used = psutil.Process(pid).cpu_times()
        return float(used.user + used.system)

    def __enter__(self) -> Self:
        url = self.system.servers.database_url
        databases.drop_database(url, DATABASE)
        databases.ensure_database(url, DATABASE)
        for key in self.system.redis.scan_iter(match=f"{DATABASE}:*", count=1000):
            self.system.redis.delete(key)
        self.system.prepare()
        with self.engine.begin() as connection:
            create_tables(connection)
        self._start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, problem: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.processes.stop()
        self.engine.dispose()
        self.system.redis.close()

    def _start(self) -> None:
        try:
            self.processes.start("relay", [sys.executable, "-m", "console.cli", "relay"])
            self.processes.start("tracking", worker_command("tracking", concurrency=1, queues=("tracking",)))
            self.processes.start("web", web_command(self.keys.web_port))
            self.wait(self._healthy, "starting the web application")
        except BaseException:
            self.processes.stop()
            raise

    def _healthy(self) -> bool:
        try:
            with urllib.request.urlopen(f"{self.address}/healthz", timeout=5) as answer:  # noqa: S310  # our own
                return bool(answer.status == 200)
        except (urllib.error.URLError, TimeoutError):
            self.processes.check()
            return False

    def settle(self) -> None:
        """Wait until the outbox is empty and the tracking subscription has come to the head of the log."""
        tracking = Subscriptions([tracking_subscription()])

        def settled() -> bool:
            self.processes.revive()
            with self.engine.connect() as connection:
                waiting = connection.scalar(sa.text("SELECT EXISTS (SELECT FROM cutover.outbox)"))
                return not waiting and not lagging(connection, tracking)

        self.wait(settled, "folding the news")

    def wait(self, condition: Callable[[], bool], what: str) -> None:
        """Return when `condition` holds. Raises NotInTime after two minutes."""
        deadline = time.monotonic() + PATIENCE
        while not condition():
            if time.monotonic() > deadline:
                raise NotInTime(f"{what} did not finish within {PATIENCE:.0f} s; see {self.logs}")
            time.sleep(0.05)

    def restart_postgres(self) -> None:
        """Restart the embedded PostgreSQL of this state directory, whoever speaks to it."""
        postgres = Postgres(state_dir=self._state_dir, sockets=state.sockets(self._state_dir))
        postgres.stop(deadline=60)
        postgres.start(deadline=60)


@contextmanager
def servers_of_the_settings(settings: Settings) -> Iterator[tuple[Servers, Path]]:
    """The servers that everything else uses, and their state directory."""
    yield reachable(settings), settings.state_dir


@contextmanager
def servers_of_its_own(settings: Settings) -> Iterator[tuple[Servers, Path]]:
    """Embedded servers that nobody else uses, to be restarted at will; they are stopped at the end."""
    state_dir = settings.state_dir / "webhook_bench_servers"
    try:
        yield servers.start(state_dir), state_dir
    finally:
        servers.stop(state_dir)
