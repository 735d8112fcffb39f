"""Waiting for a condition, with a deadline instead of a guess."""

import time
from collections.abc import Callable
from threading import Event


def wait_until(condition: Callable[[], object], *, seconds: float = 30.0, what: str = "the condition") -> None:
    """Return once `condition()` is true; fail after `seconds`."""
    pause = Event()
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end, f"{what} did not come true within {seconds:g} s"
        pause.wait(0.02)
