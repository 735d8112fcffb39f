"""A soak: as many schedules as one asks for, over all cores, until one fails."""

import os
import sys
import time
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import FIRST_COMPLETED, Future, ProcessPoolExecutor, wait
from contextlib import ExitStack
from dataclasses import dataclass, field
from functools import cache
from itertools import islice
from multiprocessing import get_context

from tests.simulation.fleet import Fleet
from tests.simulation.playing import Played, first_violation, fleet_on

CHUNK = 100
"""Seeds a process plays before it says how far it is."""

SAID_EVERY = 20 * CHUNK
_LIFETIME = ExitStack()
"""What a process holds until it ends."""


@dataclass
class Chunk:
    """What came of some seeds."""

    played: int = 0
    counts: Counter[str] = field(default_factory=Counter)
    report: str = ""

    def see(self, one: Played) -> None:
        """Count it."""
        self.played += 1
        self.counts.update(one.trace.counts)


def soak(url: str, *, first: int, count: int, workers: int | None = None) -> int:
    """Play `count` seeds from `first` on; 1 and the trace on stdout if one fails, else 0 and the totals."""
    began, total = time.monotonic(), Chunk()
    chunks = (range(start, min(start + CHUNK, first + count)) for start in range(first, first + count, CHUNK))
    processes = workers or os.cpu_count() or 1
    with ProcessPoolExecutor(processes, mp_context=get_context("spawn")) as pool:
        for done in _results(pool, url, chunks, processes):
            total.played += done.played
            total.counts += done.counts
            total.report = total.report or done.report
            _say_how_far(total.played, count)
            if total.report:
                break
        pool.shutdown(cancel_futures=True)
    if sys.stderr.isatty():
        sys.stderr.write("\r\x1b[K")
    sys.stdout.write(_totals(total, time.monotonic() - began))
    return 1 if total.report else 0


def _results(pool: ProcessPoolExecutor, url: str, chunks: Iterator[range], processes: int) -> Iterator[Chunk]:
    """What comes of each chunk, with no more of them handed out than there are processes."""
    pending: set[Future[Chunk]] = {pool.submit(play_chunk, url, chunk) for chunk in islice(chunks, processes)}
    while pending:
        done, pending = wait(pending, return_when=FIRST_COMPLETED)
        for future in done:
            yield future.result()
            if (chunk := next(chunks, None)) is not None:
                pending.add(pool.submit(play_chunk, url, chunk))


def play_chunk(url: str, seeds: range) -> Chunk:
    """Play these seeds, on a database of this process' own, until one fails."""
    chunk = Chunk()
    failed = first_violation(_own_fleet(url), seeds, seen=chunk.see)
    chunk.report = failed.report() if failed else ""
    return chunk


@cache
def _own_fleet(url: str) -> Fleet:
    """That of this process, for as long as it lives; its database goes with the server."""
    return _LIFETIME.enter_context(fleet_on(url, f"simulation_{os.getpid()}"))


def _say_how_far(played: int, count: int) -> None:
    """On one line before a person's eyes, now and then in a file."""
    if sys.stderr.isatty():
        sys.stderr.write(f"\r{played:,} of {count:,} schedules ")
    elif played % SAID_EVERY == 0:
        sys.stderr.write(f"{played:,} of {count:,} schedules\n")
    sys.stderr.flush()


def _totals(total: Chunk, seconds: float) -> str:
    counted = "\n".join(f"  {times:>12,}  {what}" for what, times in sorted(total.counts.items()))
    said = f"{total.report}\n\n" if total.report else ""
    verdict = "A VIOLATION" if total.report else "no violation"
    pace = total.played / seconds if seconds else 0.0
    return f"{said}{total.played:,} schedules in {seconds:,.0f} s ({pace:.1f}/s): {verdict}\n{counted}\n"
