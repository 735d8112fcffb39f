"""One process of a kind for each state directory."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from runtime import state
from runtime.errors import AlreadyRunning
from runtime.locks import FileLock


@contextmanager
def claim(state_dir: Path, name: str) -> Iterator[None]:
    """Be the only ``name`` of this state directory until the block ends or the process dies.

    Raises AlreadyRunning, naming the holder's pid, if there is one.
    """
    state_dir = state_dir.absolute()
    state.prepare(state_dir)
    with FileLock(state_dir / f"{name}.lock") as lock:
        with state.explained(state_dir):
            acquired = lock.acquire()
        if not acquired:
            raise AlreadyRunning(name=name, path=state_dir, pid=lock.holder() or "unknown")
        yield
