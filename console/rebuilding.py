"""Rebuilding: forget what is nothing but a fold of the log, and fold it anew by processes of our own."""

import multiprocessing
import os
import time
from collections.abc import Mapping, Sequence
from multiprocessing.connection import wait
from multiprocessing.process import BaseProcess

from console.processes import ONE_THREAD
from console.screen import Advance
from console.wiring import System, build
from events import Nudge, advance_to_end, head, lagging
from handlers.delivery.settings import DeliverySettings
from handlers.rebuild import REBUILT, forget, index
from runtime.servers import Servers

LOOK_EVERY = 0.25
WAIT = 0.02
"""Seconds a process rests that finds everything held."""


class FoldingEnded(Exception):
    """A folding process ended before the log did."""

    def __init__(self, code: int | None) -> None:
        super().__init__(
            f"a process that folds the log ended with exit code {code}; what it said stands above. "
            "Nothing is lost: running workers, or `cutover rebuild` once more, go on where it stopped"
        )


def rebuild(system: System, processes: int, progress: Advance = lambda _: None) -> int:
    """Forget and fold; the position up to which everything was folded. One process is this one.

    Workers that run meanwhile fold too: whoever finds a partition held takes another one. Raises FoldingEnded.
    """
    with system.engine.begin() as connection:
        forget(connection)
        end = head(connection)
    try:
        if processes == 1:
            _fold(system, lambda behind: progress(end - behind))
        else:
            _fold_beside(system, processes, lambda behind: progress(end - behind))
    finally:
        with system.engine.begin() as connection:
            index(connection)
    return end


def _fold_beside(system: System, processes: int, progress: Advance) -> None:
    os.environ.update(ONE_THREAD)
    spawn = multiprocessing.get_context("spawn")
    arguments = (system.servers, system.partitions, system.namespace)
    folding = [spawn.Process(target=fold, args=arguments, daemon=True) for _ in range(processes)]
    for process in folding:
        process.start()
    try:
        while any(process.is_alive() for process in folding):
            progress(max(_behind(system).values(), default=0))
            wait([process.sentinel for process in folding if process.is_alive()], LOOK_EVERY)
            _check(folding)
    finally:
        for process in folding:
            process.kill()


def fold(servers: Servers, partitions: int, namespace: str) -> None:
    """What each process does."""
    import faiss

    faiss.omp_set_num_threads(1)
    system = build(servers, partitions, namespace, DeliverySettings())
    _fold(system, lambda _: None)
    system.engine.dispose()


def _fold(system: System, progress: Advance) -> None:
    """Advance what is rebuilt, wherever nobody else is at it, until nothing of it lags."""
    while behind := _behind(system):
        progress(max(behind.values()))
        folded = [
            advance_to_end(system.engine, system.subscriptions, nudge.subscription, nudge.partition)
            for nudge in sorted(behind)
        ]
        if not any(folded):
            time.sleep(WAIT)


def _behind(system: System) -> Mapping[Nudge, int]:
    with system.engine.connect() as connection:
        return {
            nudge: lag
            for nudge, lag in lagging(connection, system.subscriptions).items()
            if nudge.subscription in REBUILT
        }


def _check(folding: Sequence[BaseProcess]) -> None:
    for process in folding:
        if process.exitcode:
            raise FoldingEnded(process.exitcode)
