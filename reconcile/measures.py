"""Measures of a run beside its verdicts: how long each path takes for a unit, and how steady the legacy path is."""

from collections.abc import Mapping
from dataclasses import dataclass

from sqlalchemy import Connection, text


@dataclass(frozen=True, kw_only=True)
class Timing:
    """What one path's outcomes took: median and 99th percentile in milliseconds, all together in seconds.

    The first two are told to within one percent: counted in bins, they need no sorting.
    """

    p50_ms: float
    p99_ms: float
    total_seconds: float


@dataclass(frozen=True, kw_only=True)
class Noise:
    """The legacy path held against itself: how many units it did twice, and for how many it came to two things."""

    sampled: int
    differing: int


def path_timings(connection: Connection, run: str) -> dict[str, Timing]:
    """Both paths' timings, by path."""
    rows = connection.execute(_TIMINGS, {"run": run})
    return {row.path: Timing(p50_ms=row.p50, p99_ms=row.p99, total_seconds=row.total / 1000) for row in rows}


def noise_of(connection: Connection, run: str) -> Noise | None:
    """The noise of a run; None if nobody measured it."""
    row = connection.execute(_NOISE, {"run": run}).one()
    return Noise(sampled=row.sampled, differing=row.differing) if row.sampled else None


def noisy_units(connection: Connection, run: str) -> Mapping[str, str]:
    """The units on which the legacy path contradicts itself: the digest of what it came to the second time."""
    return {row.unit: row.digest.hex() for row in connection.execute(_NOISY, {"run": run})}


_TIMINGS = text("""
    WITH bins AS (
        SELECT path, round(100 * ln(greatest(milliseconds::float8, 0.001))) AS bin, count(*) AS outcomes,
               sum(milliseconds::float8) AS took
        FROM cutover.outcomes WHERE run = :run GROUP BY 1, 2
    ), upto AS (
        SELECT path, bin, took, sum(outcomes) OVER (PARTITION BY path ORDER BY bin) AS upto,
               sum(outcomes) OVER (PARTITION BY path) AS outcomes
        FROM bins
    )
    SELECT path, exp(min(bin) FILTER (WHERE upto >= 0.5 * outcomes) / 100) AS p50,
           exp(min(bin) FILTER (WHERE upto >= 0.99 * outcomes) / 100) AS p99, sum(took) AS total
    FROM upto GROUP BY path ORDER BY path
""")

_NOISE = text("""
    SELECT count(*) AS sampled, count(*) FILTER (WHERE o.digest IS DISTINCT FROM n.digest) AS differing
    FROM cutover.noise n
    LEFT JOIN cutover.outcomes o ON o.run = n.run AND o.unit = n.unit AND o.path = 'legacy'
    WHERE n.run = :run
""")

_NOISY = text("""
    SELECT n.unit, n.digest FROM cutover.noise n
    JOIN cutover.outcomes o ON o.run = n.run AND o.unit = n.unit AND o.path = 'legacy' AND o.digest <> n.digest
    WHERE n.run = :run
""")
