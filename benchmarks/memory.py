"""Peak memory of this process and all its descendants, sampled while something runs."""

import threading
from types import TracebackType
from typing import Self

import psutil

EVERY = 0.1


class PeakMemory:
    """As a context manager: `mb` is the highest sum of proportional set sizes seen, in megabytes.

    Proportional, so that pages which forked workers share count once. Servers are not descendants and not counted.
    """

    def __init__(self) -> None:
        self.mb = 0.0
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
        me, stopped = psutil.Process(), False
        while not stopped:
            stopped = self._stop.wait(EVERY)
            self.mb = max(self.mb, sum(map(_bytes, [me, *me.children(recursive=True)])) / 1e6)


def _bytes(process: psutil.Process) -> int:
    try:
        memory = process.memory_full_info()
    except psutil.Error:
        return 0
    return int(getattr(memory, "pss", 0) or memory.rss)
