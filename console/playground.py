"""A playground: a system with a shop, on a fresh database beside whatever else the servers hold, with real workers."""

import time
from collections.abc import Callable, Iterable
from dataclasses import replace
from pathlib import Path
from types import TracebackType
from typing import Self

import sqlalchemy as sa

from console.processes import Processes, environment
from console.screen import Advance
from console.tap import legacy_tap
from console.weekly_job import JOB, PLAN
from console.wiring import System, build
from events import head, lagging
from reconcile import Totals, reconcile
from runtime import database as databases
from runtime.servers import Servers
from runtime.version import code_version
from sandbox.shop.actions import Action
from sandbox.shop.backfill import backfill
from sandbox.shop.bulk import load
from sandbox.shop.schema import create_tables
from shadow.barrier import raise_barrier
from shadow.recorder import finished
from shadow.schedule import run_event

PATIENCE = 600.0


class NotFinished(Exception):
    """Something that workers do has not happened in time."""

    def __init__(self, what: str, logs: Path) -> None:
        super().__init__(f"{what} did not finish within {PATIENCE:.0f} s; see {logs}")


class Playground:
    """The shop and both paths in the database `cutover_<name>`; as a context manager, with relay and workers running.

    Entering it drops what an earlier one of the same name left; leaving it stops the processes and keeps the database.
    """

    def __init__(
        self, servers: Servers, state_dir: Path, partitions: int, *, name: str, workers: int, defect: str | None = None
    ) -> None:
        self.database = f"cutover_{name}"
        self._workers = workers
        found = replace(servers, database_url=databases.database_url(servers.database_url, self.database))
        self.system: System = build(found, partitions, self.database)
        self.logs = state_dir / "logs" / name
        # Nothing waits for a playground's workers to finish what they have in hand: its nudges are told again.
        env = {
            **environment(found, state_dir, partitions, defect),
            "CUTOVER_SOFT_SHUTDOWN": "0",
            "CUTOVER_NAMESPACE": self.database,
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
        self.processes.start_all(self._workers)
        return self

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
            with self.engine.connect() as connection:
                waiting = connection.scalar(sa.text("SELECT EXISTS (SELECT FROM cutover.outbox)"))
                end = head(connection)
                behind = lagging(connection, self.system.subscriptions)
            progress(end - max(behind.values(), default=0))
            return not waiting and not behind

        self.wait(settled, "folding the log")

    def legacy(self, run: str) -> None:
        """The legacy path of a run. Raises WrongUse once the batch is retired."""
        event = run_event(run)
        legacy_tap()(self.engine, JOB, event, partitions=self.system.partitions, code_version=code_version())

    def barrier(self, run: str) -> int:
        """Begin a run, without its legacy path; the barrier's position."""
        return raise_barrier(self.engine, run_event(run), self.system.partitions)

    def event_driven(self, run: str) -> None:
        """Wait until the workers have recorded the event-driven path of a run that began."""

        def done() -> bool:
            with self.engine.connect() as connection:
                return finished(connection, run, "event_driven")

        self.wait(done, f"the event-driven path of run {run}")

    def reconcile(self, run: str) -> Totals:
        """Compare what both paths recorded."""
        return reconcile(self.engine, run, PLAN, code_version=code_version())

    def wait(self, condition: Callable[[], bool], what: str) -> None:
        """Return when `condition` holds. Raises ProcessDied if a process ends before, NotFinished after ten minutes."""
        deadline = time.monotonic() + PATIENCE
        while not condition():
            self.processes.check()
            if time.monotonic() > deadline:
                raise NotFinished(what, self.logs)
            time.sleep(0.02)
