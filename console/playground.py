"""A playground: a system with a shop, on a fresh database beside whatever else the servers hold, with real workers."""

import time
from collections.abc import Callable, Iterable
from dataclasses import replace
from datetime import datetime
from pathlib import Path
from types import TracebackType
from typing import Self

import sqlalchemy as sa

from console.plan import plan_of
from console.processes import Processes, environment, web_command
from console.screen import Advance
from console.stand_in import StandIn
from console.tap import legacy_tap
from console.wiring import System, build
from events import head, lagging
from events.stage_events import Stage
from handlers.delivery.books import Books, books, unsettled
from handlers.delivery.settings import DeliverySettings
from reconcile import ReconciliationPlan, Totals, reconcile
from runtime import database as databases
from runtime.servers import Servers
from runtime.version import code_version
from sandbox import approver
from sandbox.defects import defect as find_defect
from sandbox.shop.actions import Action
from sandbox.shop.backfill import backfill
from sandbox.shop.bulk import load
from sandbox.shop.schema import create_tables
from shadow.barrier import raise_barrier
from shadow.recorder import finished

PATIENCE = 600.0
SHORTEST_LOOK, LONGEST_LOOK = 0.01, 0.15
"""Seconds between two looks at what is waited for, at first and later: looking takes from those who work."""


class NotFinished(Exception):
    """Something that workers do has not happened in time."""

    def __init__(self, what: str, patience: float, logs: Path) -> None:
        super().__init__(f"{what} did not finish within {patience:.0f} s; see {logs}")


class Playground:
    """The shop and both paths in the database `cutover_<name>`; as a context manager, with relay and workers running.

    A `defect` breaks one of the paths. With a `mailbox`, runs that send deliver to it, by so many `senders`; without,
    nothing can be sent. What its workers do is waited for with `patience`, in seconds.

    Entering it drops what an earlier one of the same name left; leaving it stops the processes and keeps the database.
    """

    def __init__(
        self,
        servers: Servers,
        state_dir: Path,
        partitions: int,
        *,
        name: str,
        workers: int,
        defect: str | None = None,
        mailbox: StandIn | None = None,
        senders: int | None = None,
        patience: float = PATIENCE,
    ) -> None:
        self._patience = patience
        self.database = f"cutover_{name}"
        self.mailbox = mailbox
        self.revives = False
        """Whether a process that ends is started again, as `cutover up` does it, while something is waited for."""
        self._workers = workers
        self._batch = find_defect(defect).batch() if defect else None
        self._senders = senders
        found = replace(servers, database_url=databases.database_url(servers.database_url, self.database))
        self.system: System = build(found, partitions, self.database, DeliverySettings())
        self.logs = state_dir / "logs" / name
        # Nothing waits for a playground's workers to finish what they have in hand: its nudges are told again.
        env = {
            **environment(found, state_dir, partitions, defect),
            "CUTOVER_SOFT_SHUTDOWN": "0",
            "CUTOVER_NAMESPACE": self.database,
            **(mailbox.variables if mailbox else {}),
        }
        self.processes = Processes(env, self.logs)

    @property
    def engine(self) -> sa.Engine:
        """The playground's database."""
        return self.system.engine

    def __enter__(self) -> Self:
        url = self.system.servers.database_url
        databases.drop_database(url, self.database)
        databases.ensure_database(url, self.database)
        self.forget_nudges()
        self.system.prepare()
        with self.engine.begin() as connection:
            create_tables(connection)
        self._start_processes()
        return self

    def _start_processes(self) -> None:
        if self.mailbox is None:
            self.processes.start_all(self._workers)
            return
        self.processes.start("sendgrid", self.mailbox.command, outlives=self.mailbox.stays)
        if self.mailbox.tells:
            self.processes.start("web", web_command(self.mailbox.web_port))
        self.processes.start_by_class(self._workers, self._senders)

    def __exit__(
        self, kind: type[BaseException] | None, problem: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.processes.stop()
        self.engine.dispose()
        self.system.redis.close()

    def forget_nudges(self) -> None:
        """Remove everything Redis holds for this playground, and nothing else."""
        for key in self.system.redis.scan_iter(match=f"{self.database}:*", count=1000):
            self.system.redis.delete(key)

    def load(self, history: Iterable[Action], progress: Advance) -> None:
        """Bring the shop's tables to their state after `history`, telling nobody."""
        with self.engine.begin() as connection:
            load(connection, history, progress=progress)

    def backfill(self, progress: Advance) -> int:
        """Turn the tables into events; how many."""
        return backfill(self.engine, progress=progress)

    def settle(self, progress: Advance = lambda _: None) -> None:
        """Wait until the outbox is empty and every subscription has come to the head of the log."""

        def settled() -> bool:
            # One snapshot: what is folded tells new facts, which must not slip through between two looks.
            with self.engine.connect().execution_options(isolation_level="REPEATABLE READ") as connection:
                end = head(connection)
                behind = lagging(connection, self.system.subscriptions)
                progress(end - max(behind.values(), default=0))
                # Not asked sooner: deleted rows are gone through until PostgreSQL has cleared them away.
                return not behind and not connection.scalar(_WAITING)

        self.wait(settled, "folding the log")

    def legacy(self, run: str, *, noise: int | None = None) -> None:
        """The legacy path of a run, and its noise for so many users. Raises WrongUse once the batch is retired."""
        legacy_tap()(
            self.engine,
            self.system.gate,
            run,
            partitions=self.system.partitions,
            code_version=code_version(),
            **({"batch": self._batch} if self._batch else {}),
            **({} if noise is None else {"noise": noise}),
        )

    def barrier(self, run: str) -> int:
        """Begin a run, without its legacy path; the barrier's position."""
        position, _ = raise_barrier(self.engine, run, self.system.partitions, salt=self.system.gate.job.name)
        return position

    def event_driven(self, run: str) -> None:
        """Wait until the workers have recorded the event-driven path of a run that began."""

        def done() -> bool:
            with self.engine.connect() as connection:
                return finished(connection, run, "event_driven")

        self.wait(done, f"the event-driven path of run {run}")

    def stage(self, stage: Stage, percent: float = 0.0, *, at: datetime) -> None:
        """Move the migration to a stage, as of event time `at`; what has begun stays as it is."""
        with self.engine.begin() as connection:
            approver.move(connection, stage, percent, at=at)
        self.settle()

    def delivered(self, run: str) -> Books:
        """Wait until nothing of a run is planned or being sent; its books."""

        def done() -> bool:
            with self.engine.connect() as connection:
                return not unsettled(connection, run)

        self.wait(done, f"sending run {run}")
        with self.engine.connect() as connection:
            return books(connection, run)

    def accepted_most_often(self) -> int:
        """How often the mailbox accepted the e-mail that it accepted most often; 0 without a mailbox."""
        return self.mailbox.accepted_most_often() if self.mailbox else 0

    def told(self, run: str) -> Books:
        """Wait until the mailbox has told all its news and they are folded; the run's books then."""
        mailbox = self.mailbox
        if mailbox is None:
            raise ValueError("this playground has no mailbox")
        self.wait(lambda: not mailbox.waiting_news(), "the mailbox telling its news")
        self.settle()
        with self.engine.connect() as connection:
            return books(connection, run)

    @property
    def plan(self) -> ReconciliationPlan:
        """How its runs are compared and reported."""
        return plan_of(self.system, self.database, in_event_time=True)

    def reconcile(self, run: str) -> Totals:
        """Compare what both paths recorded."""
        return reconcile(self.engine, run, self.plan, code_version=code_version())

    def look_after(self) -> None:
        """Start processes again that have ended, or raise ProcessDied, as `revives` says."""
        if self.revives:
            self.processes.revive()
        else:
            self.processes.check()

    def wait(self, condition: Callable[[], bool], what: str) -> None:
        """Return when `condition` holds. Raises ProcessDied if a process ends before, NotFinished if patience does."""
        deadline = time.monotonic() + self._patience
        pause = SHORTEST_LOOK
        while not condition():
            self.look_after()
            if time.monotonic() > deadline:
                raise NotFinished(what, self._patience, self.logs)
            time.sleep(pause)
            pause = min(pause * 1.3, LONGEST_LOOK)


_WAITING = sa.text("SELECT true FROM cutover.outbox ORDER BY id LIMIT 1")
