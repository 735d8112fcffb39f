"""An event loop whose clock stands still while anything real is under way, and jumps to the next timer when nothing is.

Sockets, threads and servers are real; only waiting costs nothing. Sixteen minutes of paced sending take as long as the
work in them.
"""

import asyncio
import selectors
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import Executor
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, TypeVar

if TYPE_CHECKING:
    from _typeshed import FileDescriptorLike

Result = TypeVar("Result")

LONGEST_WAIT = 10.0
"""Real seconds to wait for something real before asking again."""


class SimulatedLoop(asyncio.SelectorEventLoop):
    """Use `busy` around whatever real things are waited for; threads are taken care of."""

    def __init__(self) -> None:
        self.now = 0.0
        self.under_way = 0
        super().__init__(_Selector(self))

    def time(self) -> float:
        """Simulated seconds since the loop was made."""
        return self.now

    @contextmanager
    def busy(self) -> Iterator[None]:
        """While inside, time stands still."""
        self.under_way += 1
        try:
            yield
        finally:
            self.under_way -= 1

    def run_in_executor(
        self, executor: Executor | None, func: Callable[..., Result], *args: object
    ) -> "asyncio.Future[Result]":
        """As usual; time stands still until the thread is done."""
        self.under_way += 1
        future = super().run_in_executor(executor, func, *args)
        future.add_done_callback(self._landed)
        return future

    def _landed(self, _: object) -> None:
        self.under_way -= 1


class _Selector(selectors.BaseSelector):
    """Waits for real events while something is under way; otherwise lets simulated time pass in their place."""

    def __init__(self, loop: SimulatedLoop) -> None:
        self._loop = loop
        self._real = selectors.DefaultSelector()

    def select(self, timeout: float | None = None) -> list[tuple[selectors.SelectorKey, int]]:
        found = self._real.select(0)
        if found or timeout == 0:
            return found
        if self._loop.under_way or timeout is None:
            return self._real.select(LONGEST_WAIT)
        self._loop.now += timeout
        return []

    def register(self, fileobj: "FileDescriptorLike", events: int, data: object = None) -> selectors.SelectorKey:
        return self._real.register(fileobj, events, data)

    def unregister(self, fileobj: "FileDescriptorLike") -> selectors.SelectorKey:
        return self._real.unregister(fileobj)

    def modify(self, fileobj: "FileDescriptorLike", events: int, data: object = None) -> selectors.SelectorKey:
        return self._real.modify(fileobj, events, data)

    def get_map(self) -> Mapping[Any, selectors.SelectorKey]:
        return self._real.get_map()

    def get_key(self, fileobj: "FileDescriptorLike") -> selectors.SelectorKey:
        return self._real.get_key(fileobj)

    def close(self) -> None:
        self._real.close()
