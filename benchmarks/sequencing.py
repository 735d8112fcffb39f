"""A process of its own that sequences, as the relay does, and nudges nobody."""

import multiprocessing
from collections.abc import Iterator
from contextlib import contextmanager
from multiprocessing.synchronize import Event

import sqlalchemy as sa

from events import sequence
from runtime.database import create_engine

PAUSE = 0.002


@contextmanager
def sequencing(url: sa.URL, partitions: int) -> Iterator[None]:
    """Sequence what is emitted to this database until the block ends."""
    spawn = multiprocessing.get_context("spawn")
    ready, stopping = spawn.Event(), spawn.Event()
    target = url.render_as_string(hide_password=False)
    child = spawn.Process(target=_sequence, args=(target, partitions, ready, stopping), daemon=True)
    child.start()
    try:
        if not ready.wait(60):
            raise SystemExit("the sequencer did not start")
        yield
    finally:
        stopping.set()
        child.join(30)
        child.kill()


def _sequence(url: str, partitions: int, ready: Event, stopping: Event) -> None:
    engine = create_engine(url)
    sequence(engine, partitions)
    ready.set()
    while not stopping.is_set():
        if not sequence(engine, partitions).taken:
            stopping.wait(PAUSE)
    engine.dispose()
