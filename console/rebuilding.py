"""Rebuilding: forget what is nothing but a fold of the log, and fold it anew by processes of our own."""

import multiprocessing
import os
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import sqlalchemy as sa

from console.failures import WrongUse
from console.processes import ONE_THREAD
from console.screen import Advance
from console.wiring import System, build
from events import Nudge, advance_to_end, head, lagging
from handlers.catalogue import search_alone
from handlers.delivery.settings import DeliverySettings
from handlers.rebuild import REBUILT, forget, index
from runtime.memory import freeze
from runtime.servers import Servers

LOCK = 0x72656275696C64  # "rebuild"
WAIT = 0.02
"""Seconds a process rests that finds everything held."""


def rebuild(system: System, processes: int, progress: Advance = lambda _: None) -> int:
    """Forget and fold; the position up to which everything was folded. One of the processes is this one.

    Workers that run meanwhile fold too: whoever finds a partition held takes another one. What a process leaves that
    ends before the log does, this one folds. Raises WrongUse while another rebuild is at it.
    """
    with _alone(system):
        with system.engine.begin() as connection:
            forget(connection)
            end = head(connection)
        try:
            with _beside(system, processes - 1):
                _fold(system, lambda behind: progress(end - behind))
        finally:
            with system.engine.begin() as connection:
                index(connection)
    return end


@contextmanager
def _alone(system: System) -> Iterator[None]:
    """Two would make each other's indexes. The lock goes with its session, however that ends."""
    with system.engine.connect().execution_options(isolation_level="AUTOCOMMIT") as held:
        if not held.scalar(sa.text("SELECT pg_try_advisory_lock(:lock)"), {"lock": LOCK}):
            raise WrongUse("another rebuild is under way; nothing was done")
        try:
            yield
        finally:
            held.execute(sa.text("SELECT pg_advisory_unlock(:lock)"), {"lock": LOCK})


@contextmanager
def _beside(system: System, processes: int) -> Iterator[None]:
    """So many more processes that fold; they are gone afterwards."""
    os.environ.update(ONE_THREAD)
    search_alone()
    freeze()
    spawn = multiprocessing.get_context("spawn")
    arguments = (system.servers, system.partitions, system.namespace)
    folding = [spawn.Process(target=fold, args=arguments, daemon=True) for _ in range(processes)]
    for process in folding:
        process.start()
    try:
        yield
    finally:
        for process in folding:
            process.kill()
            process.join()


def fold(servers: Servers, partitions: int, namespace: str) -> None:
    """What each other process does."""
    search_alone()
    system = build(servers, partitions, namespace, DeliverySettings())
    freeze()
    _fold(system, lambda _: None)
    system.engine.dispose()


def _fold(system: System, progress: Callable[[int], None]) -> None:
    """Advance what is rebuilt, wherever nobody else is at it, until nothing of it lags.

    `progress` is told how many events there are left, on an average over all partitions.
    """
    partitions = sum(len(system.subscriptions[name].partitions(system.partitions)) for name in REBUILT)
    while behind := _behind(system):
        progress(sum(behind.values()) // partitions)
        folded = 0
        for nudge in sorted(behind):
            events = advance_to_end(system.engine, system.subscriptions, nudge.subscription, nudge.partition)
            if events:
                # Otherwise another is at it, and how far is seen by the next look.
                folded += events
                behind[nudge] = 0
                progress(sum(behind.values()) // partitions)
        if not folded:
            time.sleep(WAIT)


def _behind(system: System) -> dict[Nudge, int]:
    with system.engine.connect() as connection:
        return {
            nudge: lag
            for nudge, lag in lagging(connection, system.subscriptions).items()
            if nudge.subscription in REBUILT
        }
