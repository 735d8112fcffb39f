"""An event loop of one sender: time is the simulation's, threads run at once, and waiting lets the others go on."""

import asyncio
import selectors
from collections.abc import Callable, Coroutine
from concurrent.futures import Executor
from typing import Any, TypeVar

from tests.simulation.actor import Actor, Crashed
from tests.simulation.clock import SimulatedClock

Result = TypeVar("Result")

SHORT = 0.9
"""Timers of fewer seconds are jumped over at once."""


class SteppedLoop(asyncio.BaseEventLoop):
    """Runs within an actor. Where nothing is ready it stands still, until an answer comes or its next timer is due."""

    def __init__(self, actor: Actor, clock: SimulatedClock) -> None:
        super().__init__()
        self._actor = actor
        self._clock_of_all = clock
        self.beyond = 0.0
        self._selector = _Waiting(self, actor, clock)
        self.set_exception_handler(lambda *_: None)

    def time(self) -> float:
        return self._clock_of_all.seconds + self.beyond

    def run_in_executor(
        self,
        executor: Executor | None,  # noqa: ARG002 - of the loop's own signature
        func: Callable[..., Result],
        *args: object,
    ) -> "asyncio.Future[Result]":
        future: asyncio.Future[Result] = self.create_future()
        try:
            future.set_result(func(*args))
        except Exception as problem:
            future.set_exception(problem)
        return future

    def _process_events(self, event_list: object) -> None:
        """There are none."""

    def _write_to_self(self) -> None:
        """Nobody sleeps."""

    @property
    def answered(self) -> bool:
        """Whether there is something to do other than wait for a timer."""
        return bool(self._ready)  # type: ignore[attr-defined]

    def run(self, work: Coroutine[Any, Any, Result]) -> Result:
        """`run_until_complete`, after which nothing is left, whatever happens to the process."""
        try:
            return self.run_until_complete(work)
        finally:
            dead, self._actor.dead = self._actor.dead, True
            self._bury()
            self._actor.dead = dead

    def _bury(self) -> None:
        """Take tasks apart which no process works on any more."""
        while tasks := [task for task in asyncio.all_tasks(self) if not task.done()]:
            for task in tasks:
                task._log_destroy_pending = False  # type: ignore[attr-defined]
                task.cancel()
            try:
                self.run_until_complete(asyncio.gather(*tasks, return_exceptions=True))
            except Crashed:
                continue


class _Waiting(selectors.BaseSelector):
    def __init__(self, loop: SteppedLoop, actor: Actor, clock: SimulatedClock) -> None:
        self._loop = loop
        self._actor = actor
        self._clock = clock

    def select(self, timeout: float | None = None) -> list[tuple[selectors.SelectorKey, int]]:
        if timeout == 0:
            return []
        if self._actor.dead:
            # For whoever is dead no time passes but its own.
            if timeout is None:
                raise Crashed
            self._loop.beyond += timeout + 1e-6
            return []
        if timeout is None or timeout > SHORT:
            until = None if timeout is None else self._clock.seconds + timeout
            self._actor.wait(until, lambda: self._loop.answered)
        else:
            self._clock.pass_by(timeout + 1e-6)
        return []

    def register(self, fileobj: Any, events: int, data: Any = None) -> selectors.SelectorKey:  # noqa: ANN401
        raise NotImplementedError

    def unregister(self, fileobj: Any) -> selectors.SelectorKey:  # noqa: ANN401
        raise NotImplementedError

    def get_map(self) -> Any:  # noqa: ANN401
        return {}

    def close(self) -> None:
        """Nothing is open."""
