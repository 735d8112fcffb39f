"""A drain: takes items one by one and handles them in batches, each as large as what came in during the one before."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Generic, TypeVar

Item = TypeVar("Item")


class Drain(Generic[Item]):
    """Handles items in the order they came. Under little load an item waits for nobody; under much, batches grow.

    `linger`: seconds each batch is given to grow, where handling one costs more than waiting.
    """

    def __init__(self, handle: Callable[[list[Item]], Awaitable[None]], *, linger: float = 0.0) -> None:
        self._handle = handle
        self._linger = linger
        self._waiting: list[Item] = []
        self._running: asyncio.Task[None] | None = None
        self._failure: Exception | None = None

    def add(self, item: Item) -> None:
        """Take an item; it is handled soon."""
        self._waiting.append(item)
        if self._running is None or self._running.done():
            self._running = asyncio.ensure_future(self._drain())

    async def empty(self) -> None:
        """Return when everything taken so far is handled. Raises what handling first raised; the rest is handled."""
        if self._running is not None:
            await self._running
        if self._failure is not None:
            failure, self._failure = self._failure, None
            raise failure

    async def _drain(self) -> None:
        while self._waiting:
            if self._linger:
                await asyncio.sleep(self._linger)
            batch, self._waiting = self._waiting, []
            try:
                await self._handle(batch)
            except Exception as problem:
                self._failure = self._failure or problem
