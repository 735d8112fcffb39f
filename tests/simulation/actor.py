"""An actor: one process of the system, run as a greenlet, which stands still at boundaries and can be crashed there."""

import asyncio
from collections.abc import Callable
from contextlib import suppress
from typing import Any, cast

import psycopg
import sqlalchemy as sa
from greenlet import getcurrent, greenlet
from psycopg._preparing import PrepareManager

from tests.simulation.chance import Chance

LOCK_TIMEOUT = "1ms"
"""Nobody who holds a lock moves while another waits for it, so that waiting is of no use."""


class Crashed(BaseException):
    """The process is gone. What unwinds after this can reach neither the database nor the provider."""


class Remembered(PrepareManager):
    """What a session has prepared; also after a rollback, as nobody here drops what statements are about."""

    def clear(self) -> bool:
        return False


class Sessions:
    """The sessions of one process. Opening one takes longer than a schedule: what a crash threw away is used again.

    Processes do not share them: with sessions in common, schedules were not the same when played again.
    """

    def __init__(self, url: str) -> None:
        _, arguments = sa.create_engine(url).dialect.create_connect_args(sa.make_url(url))
        self._arguments: dict[str, Any] = {
            **arguments,
            "options": f"-c timezone=UTC -c lock_timeout={LOCK_TIMEOUT}",
        }
        self._spare: list[psycopg.Connection] = []
        self._every: list[psycopg.Connection] = []

    def take(self) -> psycopg.Connection:
        """One that nobody uses."""
        if self._spare:
            return self._spare.pop()
        made: psycopg.Connection = psycopg.connect(**self._arguments)
        made._prepared = Remembered()
        made.prepare_threshold, made.prepared_max = 0, 1000
        self._every.append(made)
        return made

    def give_back(self, raw: psycopg.Connection) -> None:
        """As new, whatever state a crash left it in."""
        if raw.info.transaction_status != psycopg.pq.TransactionStatus.IDLE:
            raw.rollback()
        if raw.autocommit or raw.read_only is not None or raw.isolation_level is not None:
            raw.autocommit, raw.read_only, raw.isolation_level = False, None, None
        if raw not in self._spare:
            self._spare.append(raw)

    def close(self) -> None:
        """The end."""
        for raw in self._every:
            raw.close()


class Actor:
    """One process: its connections, and the job it is at, if any.

    `at` says where it stands. A crash takes back what it has not committed, and lets its locks go.
    """

    def __init__(self, name: str, url: str) -> None:
        self.name = name
        self.at = ""
        self.dead = False
        self.job = ""
        self.incarnation = 0
        self.until: float | None = None
        self.frozen_until = 0
        self.answered: Callable[[], bool] = _always
        self._raw: set[psycopg.Connection] = set()
        self._sessions = Sessions(url)
        self.engine = self._connected(url)
        self._chance: Chance | None = None
        self._body: greenlet | None = None
        self._hub: greenlet | None = None
        self.committed: Callable[[], None] = _nothing
        # What SQLAlchemy asks a server at first would else be part of the first schedule.
        self.engine.connect().close()

    @property
    def idle(self) -> bool:
        return self._body is None

    def reset(self, chance: Chance) -> None:
        """Begin a new schedule."""
        self._chance = chance
        self.dead = False
        self.incarnation = self.frozen_until = 0

    def end(self) -> None:
        """End a schedule, whatever it is at: what stands in for a safeguard may leave a session behind."""
        if not self.idle:
            self.crash()
        if cast(sa.QueuePool, self.engine.pool).checkedout():
            self._roll_back()
            self.engine.dispose()

    def start(self, job: str, body: Callable[[], object]) -> None:
        """Begin a job; it runs until its first boundary."""
        self.job, self.at = job, "start"
        self._hub = getcurrent()
        self._body = greenlet(body)
        self.go_on()

    def go_on(self) -> None:
        """Run from where it stands to its next boundary, or to its end."""
        if self._body is None:
            return
        try:
            self._body.switch()
        finally:
            if self._body.dead:
                self._body = None

    def crash(self) -> None:
        """End it where it stands, as a power cut would."""
        self.dead = True
        self._roll_back()
        body, self._body = self._body, None
        # What it still does while it unwinds ends at the next boundary; left suspended, it would do so whenever Python
        # collects its garbage.
        while body is not None and not body.dead:
            with suppress(Crashed):
                body.throw(Crashed())
        self.dead = False
        self.incarnation += 1

    def _roll_back(self) -> None:
        for raw in sorted(self._raw, key=id):
            if not raw.closed:
                raw.rollback()
                if raw.autocommit:
                    raw.execute("SELECT pg_advisory_unlock_all()")

    def stand(self, at: str) -> None:
        """Let others go on first. Raises Crashed when the process ended meanwhile."""
        if self._hub is not None and getcurrent() is self._body:
            self.at = at
            # asyncio takes a thread for a process.
            running = asyncio._get_running_loop()
            asyncio._set_running_loop(None)
            try:
                self._hub.switch()
            finally:
                asyncio._set_running_loop(running)
        self._check()

    def pause(self, at: str) -> None:
        """Stand here, now and then."""
        self._check()
        if self._chance is not None and self._chance.stands():
            self.stand(at)

    def _check(self) -> None:
        if self.dead:
            raise Crashed

    def wait(self, until: float | None, answered: Callable[[], bool]) -> None:
        """Stand still until there is an answer, or the simulation's clock shows `until`."""
        self.until, self.answered = until, answered
        try:
            self.stand("waiting for an answer")
        finally:
            self.until, self.answered = None, _always

    def _connected(self, url: str) -> sa.Engine:
        engine = sa.create_engine(
            url,
            creator=self._sessions.take,
            pool_size=4,
            max_overflow=0,
            pool_timeout=0.001,
            use_native_hstore=False,
        )
        sa.event.listen(engine, "checkout", lambda raw, *_: self._raw.add(raw))
        sa.event.listen(engine, "checkin", lambda raw, *_: self._raw.discard(raw))
        dialect: Any = engine.dialect
        dialect.do_close = dialect.do_terminate = self._sessions.give_back
        execute, many, commit = dialect.do_execute, dialect.do_executemany, dialect.do_commit

        def do_execute(*arguments: Any, **options: Any) -> None:  # noqa: ANN401
            self._before_statement()
            execute(*arguments, **options)

        def do_executemany(*arguments: Any, **options: Any) -> None:  # noqa: ANN401
            self._before_statement()
            many(*arguments, **options)

        def do_commit(raw: Any) -> None:  # noqa: ANN401
            self.pause("before commit")
            commit(raw)
            self.committed()
            self.pause("after commit")

        dialect.do_execute, dialect.do_executemany, dialect.do_commit = do_execute, do_executemany, do_commit
        return engine

    def close(self) -> None:
        """Let its connections go."""
        self.engine.dispose()
        self._sessions.close()

    def _before_statement(self) -> None:
        self._check()
        if self._chance is not None and self._chance.stands_at_statement():
            self.stand("before a statement")


def _always() -> bool:
    return True


def _nothing() -> None:
    """Nobody wants to know."""
