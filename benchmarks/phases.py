"""Phases of a benchmark: what each took, in seconds on the clock, in processor seconds, and in memory.

Seconds on the clock are what a person waits. Processor seconds are those of all processes that took part, PostgreSQL's
included; they say the same on a machine that does other things besides.
"""

import time
from collections.abc import Collection, Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass

import psutil

from benchmarks.memory import PeakMemory, family
from console.screen import say


@dataclass(frozen=True, kw_only=True)
class Phase:
    """What one phase took."""

    seconds: float
    cpu_seconds: float
    peak_mb: float
    largest_process_mb: float
    largest_process: str


class Phases(dict[str, Phase]):
    """Phases by name, in the order measured; `servers` are the process ids of PostgreSQL and Valkey, where known."""

    def __init__(self, servers: Collection[int | None] = ()) -> None:
        super().__init__()
        self._servers = [pid for pid in servers if pid is not None]

    @contextmanager
    def measured(self, name: str) -> Iterator[None]:
        """Measure what happens inside under this name."""
        say(f"{name} ...")
        with PeakMemory(self._servers) as memory:
            worked, began = self._worked(), time.perf_counter()
            yield
            seconds, worked = time.perf_counter() - began, self._worked() - worked
        self[name] = Phase(
            seconds=round(seconds, 3),
            cpu_seconds=round(worked, 2),
            peak_mb=round(memory.mb, 1),
            largest_process_mb=round(memory.largest_mb, 1),
            largest_process=memory.largest,
        )
        say(f"  {seconds:.1f} s, {worked:.1f} processor seconds, {memory.mb:.0f} MB")

    @property
    def largest_process_mb(self) -> float:
        """The most that one process had in any phase."""
        return max(phase.largest_process_mb for phase in self.values())

    def as_figures(self) -> dict[str, dict[str, object]]:
        """All of it, for JSON."""
        return {name: asdict(phase) for name, phase in self.items()}

    def _worked(self) -> float:
        return sum(map(_processor_seconds, [None, *self._servers]))


def _processor_seconds(pid: int | None) -> float:
    """Of a process and its descendants, and of those that ended and were waited for."""
    total = 0.0
    for process in family(pid):
        try:
            times = process.cpu_times()
        except psutil.Error:
            continue
        total += times.user + times.system + times.children_user + times.children_system
    return total
