"""A rebuild beside the workers: nobody passes a barrier by what was looked up before it, and nobody trusts memory."""

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from importlib import import_module

import pytest
import sqlalchemy as sa

from events import Advanced, advance
from handlers.rebuild import REBUILT, forget, index
from tests.deadline import wait_until
from tests.end_to_end.conftest import PARTITIONS, RUN, Weekly, order, weekly_on
from tests.handlers.from_scratch import World
from tests.handlers.test_incremental import lists_of, logged

FIRST = ("runs", "catalogue", "popularity", "recommendations")
PAUSE = 7


def composed(database: sa.Engine) -> int:
    with database.connect() as connection:
        return connection.scalar(sa.text("SELECT count(*) FROM cutover.outcomes WHERE path = 'event_driven'")) or 0


@contextmanager
def together(*jobs: Callable[[], Advanced]) -> Iterator[list[Advanced]]:
    """Their results, once all of them are over."""
    done: list[Advanced] = []
    threads = [threading.Thread(target=lambda job=job: done.append(job())) for job in jobs]
    for thread in threads:
        thread.start()
    yield done
    for thread in threads:
        thread.join(60)
        assert not thread.is_alive()


def up_to_the_barrier(database: sa.Engine, weekly: Weekly) -> list[Callable[[], Advanced]]:
    """Everybody but `emails` has passed a barrier; what `emails` has left to do."""
    weekly.barrier(RUN)
    for name in FIRST:
        for partition in weekly.subscriptions[name].partitions(PARTITIONS):
            advance(database, weekly.subscriptions, name, partition)
    return [partial(advance, database, weekly.subscriptions, "emails", partition) for partition in range(PARTITIONS)]


def test_who_follows_does_not_pass_a_barrier_while_its_lists_are_forgotten(database: sa.Engine, weekly: Weekly) -> None:
    emails = up_to_the_barrier(database, weekly)
    with database.begin() as rebuilding:
        forget(rebuilding)
        with together(*emails) as done:
            pass
    assert [each.held for each in done] == [True] * PARTITIONS
    weekly.settle()
    assert composed(database) == 6


@pytest.mark.parametrize("names", [("emails",), REBUILT])
def test_who_looked_before_a_rebuild_and_locked_after_it_does_nothing(
    database: sa.Engine, weekly: Weekly, monkeypatch: pytest.MonkeyPatch, names: tuple[str, ...]
) -> None:
    up_to_the_barrier(database, weekly)
    waiting = pausing(monkeypatch)
    jobs = [
        partial(advance, database, weekly.subscriptions, name, partition)
        for name in names
        for partition in weekly.subscriptions[name].partitions(PARTITIONS)
    ]
    with database.connect() as door:
        door.execute(sa.text("SELECT pg_advisory_lock(:pause)"), {"pause": PAUSE})
        with together(*jobs) as done:
            wait_until(lambda: waiting(database) == len(jobs), what="everybody having looked")
            with database.begin() as rebuilding:
                forget(rebuilding)
            door.execute(sa.text("SELECT pg_advisory_unlock(:pause)"), {"pause": PAUSE})
    assert [each.held for each in done] == [True] * len(jobs)
    monkeypatch.undo()
    weekly.settle()
    assert composed(database) == 6
    with database.begin() as connection:
        index(connection)


def pausing(monkeypatch: pytest.MonkeyPatch) -> Callable[[sa.Engine], int]:
    """Let whoever looks a checkpoint up wait, with its snapshot taken, before it locks; how many do."""
    # `events.advance` itself is the function.
    module = import_module("events.advance")
    begins = "WITH mine AS MATERIALIZED ("
    pauses = f"WITH paused AS MATERIALIZED (SELECT pg_advisory_xact_lock_shared({PAUSE})), mine AS MATERIALIZED ("
    text = module._LOCK.text
    assert begins in text
    text = text.replace(begins, pauses).replace("FROM cutover.checkpoints\n", "FROM paused, cutover.checkpoints\n", 1)
    text = text.replace("FOR UPDATE SKIP LOCKED", "FOR UPDATE OF checkpoints SKIP LOCKED")
    monkeypatch.setattr(module, "_LOCK", sa.text(text).bindparams(*module._LOCK._bindparams.values()))

    def waiting(database: sa.Engine) -> int:
        statement = sa.text("SELECT count(*) FROM pg_locks WHERE locktype = 'advisory' AND NOT granted")
        with database.connect() as connection:
            return connection.scalar(statement) or 0

    return waiting


@pytest.mark.usefixtures("weekly")
def test_a_process_that_runs_on_does_not_fold_with_versions_it_loaded_before(database: sa.Engine) -> None:
    with database.begin() as connection:
        damaged = sa.text(
            "UPDATE cutover.product_versions SET taste = match, match = decode(repeat('00', 1024), 'hex')"
        )
        connection.execute(damaged)
    running = weekly_on(database)
    running.happen(order("more", "u1", "p9", days=-1))
    running.settle()
    with database.begin() as connection:
        world = World()
        for event in logged(connection):
            world.tell(event)
        assert lists_of(connection) != world.lists()
        forget(connection)
        index(connection)
    running.settle()
    with database.begin() as connection:
        assert lists_of(connection) == world.lists()
