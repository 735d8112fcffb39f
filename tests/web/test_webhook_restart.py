"""The webhook while PostgreSQL restarts under it: whoever repeats what was not taken loses nothing."""

import tempfile
import threading
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import pytest
import sqlalchemy as sa

from console.web import create_app
from events import sequence_all
from migrations.migrate import upgrade
from runtime import servers, state
from runtime.database import create_engine
from runtime.postgres import Postgres
from sandbox.shop.schema import create_tables
from tests.deadline import wait_until
from tests.tracking.mailbox import Provider, body, ledger_rows, told
from tests.web.conftest import ports_on
from tests.web.serving import ask, served

SENDERS = 3
SOME_SECONDS = 90.0


@dataclass
class Sender:
    """Posts one body after another, each until it is taken, while there are any."""

    port: int
    provider: Provider
    bodies: Iterator[bytes]
    lock: threading.Lock
    taken: list[bytes] = field(default_factory=list)
    failures: Counter[int] = field(default_factory=Counter)

    def run(self) -> None:
        pause = threading.Event()
        while (news := self._next()) is not None:
            while (status := self._post(news)) != 204:
                self.failures[status] += 1
                pause.wait(0.05)
            self.taken.append(news)

    def _next(self) -> bytes | None:
        with self.lock:
            return next(self.bodies, None)

    def _post(self, news: bytes) -> int:
        return ask(self.port, "POST", "/webhooks/sendgrid", news, self.provider.headers(news)).status


@pytest.fixture
def postgres() -> Iterator[Postgres]:
    """A server that nobody else uses."""
    with tempfile.TemporaryDirectory(prefix="cutover-restart-", ignore_cleanup_errors=True) as directory:
        state_dir = Path(directory)
        state_dir.chmod(0o755)
        server = Postgres(state_dir=state_dir, sockets=state.prepare_sockets(state_dir))
        try:
            servers.start(state_dir)
            yield server
        finally:
            servers.stop(state_dir)


@pytest.fixture
def engine(postgres: Postgres) -> Iterator[sa.Engine]:
    engine = create_engine(postgres.url(servers.DATABASE))
    upgrade(engine)
    with engine.begin() as connection:
        create_tables(connection)
    yield engine
    engine.dispose()


def test_nothing_is_lost_while_the_database_restarts(postgres: Postgres, engine: sa.Engine) -> None:
    send_ids = ledger_rows(engine, [f"u{number}" for number in range(200)])
    stopped = threading.Event()

    def bodies() -> Iterator[bytes]:
        """News without end until the database has been away and is back, and then some more."""
        for second in range(1_000_000):
            if stopped.is_set() and second % 10 == 0:
                return
            for first in range(0, len(send_ids), 20):
                told_now = [
                    told("open", send_id=each, timestamp=2_000_000_000 + second)
                    for each in send_ids[first : first + 20]
                ]
                yield body(*told_now)

    provider, lock, stream = Provider(), threading.Lock(), bodies()
    with served(create_app(ports_on(engine, provider))) as port:
        senders = [Sender(port, provider, stream, lock) for _ in range(SENDERS)]
        threads = [threading.Thread(target=sender.run) for sender in senders]
        for thread in threads:
            thread.start()
        try:
            wait_until(lambda: all(sender.taken for sender in senders), what="taking news", seconds=SOME_SECONDS)
            postgres.stop(deadline=60)
            wait_until(lambda: any(sender.failures for sender in senders), what="refusing", seconds=SOME_SECONDS)
        finally:
            postgres.start(deadline=60)
            stopped.set()
            for thread in threads:
                thread.join(SOME_SECONDS)
        assert not any(thread.is_alive() for thread in threads)
    assert {status for sender in senders for status in sender.failures} == {503}
    sequence_all(engine, 4)
    with engine.connect() as connection:
        logged = connection.scalar(sa.text("SELECT count(*) FROM cutover.events WHERE type = 'EmailOpened'"))
    assert logged == 20 * sum(len(sender.taken) for sender in senders)
