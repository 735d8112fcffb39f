"""Something done again and again in a thread of its own, through failures that a storm brings with it."""

import threading
import urllib.error
from collections import Counter
from collections.abc import Callable
from types import TracebackType
from typing import Self

import psycopg
import redis
from sqlalchemy.exc import SQLAlchemyError

from sandbox.shop.errors import ShopError
from shadow.errors import NotSequenced, RunInHand

EXPECTED = (SQLAlchemyError, psycopg.Error, redis.RedisError, OSError, ShopError, RunInHand, NotSequenced)
"""What whoever works on servers that come and go has to live with."""


class Repeated:
    """Calls `step` every `pause` seconds until it is left; as a context manager. `failures` counts what it raised.

    What is not to be expected in a storm is kept in `surprises`.
    """

    def __init__(self, name: str, step: Callable[[], object], *, pause: float) -> None:
        self.name = name
        self.steps = 0
        self.failures: Counter[str] = Counter()
        self.surprises: list[str] = []
        self._step = step
        self._pause = pause
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._run, name=name, daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, problem: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._over.set()
        self._thread.join(60)

    def _run(self) -> None:
        while not self._over.is_set():
            try:
                self._step()
                self.steps += 1
            except (*EXPECTED, urllib.error.URLError) as problem:
                self.failures[type(problem).__name__] += 1
            except Exception as problem:
                self.surprises.append(f"{self.name}: {type(problem).__name__}: {problem}")
            self._over.wait(self._pause)
