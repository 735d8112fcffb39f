"""Peak memory of this process and all its descendants, sampled while something runs."""

import threading
from collections.abc import Collection
from types import TracebackType
from typing import Self

import psutil

EVERY = 0.1


class PeakMemory:
    """As a context manager: the highest proportional set sizes seen, in megabytes.

    `mb` is that of all descendants together, which servers are not. `largest_mb` is that of one process, with
    everything below `servers`, their process ids, considered too; `largest` is what that process was.

    Proportional, so that pages which forked workers share count once.
    """

    def __init__(self, servers: Collection[int] = ()) -> None:
        self.mb = 0.0
        self.largest_mb = 0.0
        self.largest = ""
        self._servers = servers
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._watch, daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, problem: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._stop.set()
        self._thread.join()

    def _watch(self) -> None:
        stopped = False
        while not stopped:
            stopped = self._stop.wait(EVERY)
            ours = [(_bytes(process) / 1e6, process) for process in family()]
            self.mb = max(self.mb, sum(mb for mb, _ in ours))
            theirs = [(_bytes(process) / 1e6, process) for pid in self._servers for process in family(pid)]
            mb, process = max([*ours, *theirs], key=lambda each: each[0])
            if mb > self.largest_mb:
                self.largest_mb, self.largest = mb, _kind(process)


def family(pid: int | None = None) -> list[psutil.Process]:
    """A process, by default this one, and all its descendants; none if it has ended."""
    try:
        head = psutil.Process(pid)
        return [head, *head.children(recursive=True)]
    except psutil.Error:
        return []


def _bytes(process: psutil.Process) -> int:
    try:
        memory = process.memory_full_info()
    except psutil.Error:
        return 0
    return int(getattr(memory, "pss", 0) or memory.rss)


def _kind(process: psutil.Process) -> str:
    """Such as `celery worker` or `postgres`: what a reader of the figures can tell apart."""
    if process.pid == psutil.Process().pid:
        return "benchmark"
    try:
        name, words = process.name(), process.cmdline()
    except psutil.Error:
        return "ended"
    known = ("celery", "relay", "sandbox.sendgrid")
    return next((word for word in known if word in words), name)
