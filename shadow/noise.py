"""Noise: what the legacy path comes to when it does the same again, from the same snapshot, in another order.

A batch that depends on the order in which rows happen to come differs from itself. How often it does is what a rate of
mismatches has to be held against.
"""

import hashlib
from collections.abc import Iterable

import sqlalchemy as sa

from shadow.job import Job
from shadow.outcome import Outcome, digest

SAMPLE = 1_000
"""Units compared with themselves in one run, at most; another thousand in each run."""


class NoiseSample:
    """Takes the outcomes of a second go and keeps a sample's digests: those whose hash with the run is lowest."""

    def __init__(self, job: Job, run: str, size: int = SAMPLE) -> None:
        self._job = job
        self._run = run
        self._size = size
        self._kept: list[tuple[bytes, str, bytes]] = []

    def take(self, outcomes: Iterable[Outcome]) -> None:
        """Take some outcomes of the second go."""
        self._kept += [(self._scattered(each.unit), each.unit, self._digest(each)) for each in outcomes]
        if len(self._kept) > 4 * self._size:
            self._kept = self._sampled()

    def store(self, connection: sa.Connection) -> int:
        """Write the sample down in place of an earlier one; how many units."""
        connection.execute(sa.text("DELETE FROM cutover.noise WHERE run = :run"), {"run": self._run})
        rows = [{"run": self._run, "unit": unit, "digest": found} for _, unit, found in self._sampled()]
        if rows:
            connection.execute(_STORE, rows)
        return len(rows)

    def _sampled(self) -> list[tuple[bytes, str, bytes]]:
        return sorted(self._kept)[: self._size]

    def _scattered(self, unit: str) -> bytes:
        return hashlib.blake2b(f"{self._run}\x00{unit}".encode(), digest_size=8).digest()

    def _digest(self, outcome: Outcome) -> bytes:
        return digest(outcome.decision, outcome.reason, self._job.normalise(outcome.fields))


_STORE = sa.text("INSERT INTO cutover.noise (run, unit, digest) VALUES (:run, :unit, :digest)")
