"""Signals to processes that may be gone already."""

import os
import signal
from collections.abc import Iterator
from contextlib import contextmanager

import psutil

from tests.chaos.blow import Missed


def there(pid: int | None) -> int:
    """The number, if there is one. Raises Missed."""
    if pid is None:
        raise Missed
    return pid


def children(pid: int) -> list[int]:
    """What the process has forked, and what that has."""
    try:
        return [child.pid for child in psutil.Process(pid).children(recursive=True)]
    except psutil.Error:
        return []


@contextmanager
def stopped(pids: list[int]) -> Iterator[None]:
    """While these are frozen. They go on in any case, the first one last."""
    send(pids, signal.SIGSTOP)
    try:
        yield
    finally:
        for pid in reversed(pids):
            try:
                os.kill(pid, signal.SIGCONT)
            except ProcessLookupError:
                continue


def send(pids: list[int], number: signal.Signals) -> None:
    """To each of them. Raises Missed if the first is gone."""
    for pid in pids:
        try:
            os.kill(pid, number)
        except ProcessLookupError as gone:
            if pid == pids[0]:
                raise Missed from gone


def send_to_group(pid: int, number: signal.Signals) -> None:
    """To a process and what it has forked. Raises Missed if nothing of it is left."""
    try:
        os.killpg(pid, number)
    except ProcessLookupError as gone:
        raise Missed from gone
