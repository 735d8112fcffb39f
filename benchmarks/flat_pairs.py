"""Flat pairs: tens of millions of rows of one number and one word, reconciled, and held to datacompy on polars."""

import time
from collections.abc import Callable, Mapping
from typing import TypeVar

import sqlalchemy as sa

from benchmarks.memory import PeakMemory
from console.screen import say
from reconcile import FieldRule, Policy, ReconciliationPlan, reconcile
from shadow.job import Job
from shadow.outcome import Path, digest, pack
from shadow.recorder import close_path, open_path, open_run
from shadow.schedule import run_event

RUN = "2026-11-21"
CODE = "benchmark"
PATHS: tuple[Path, Path] = ("legacy", "event_driven")
NUMBERS = 1000
WORDS = ("amber", "birch", "cedar", "delta", "ember", "fjord", "grove", "heath")
PLAN = ReconciliationPlan(
    job=Job(name="flat pairs", normalise=lambda fields: fields),
    policy=Policy(name="flat pairs", fields=(FieldRule(field="amount", show="number"), FieldRule(field="word"))),
)

Figures = dict[str, object]
T = TypeVar("T")


class DatacompyMissing(Exception):
    """What reconciliation is held against is not installed."""

    def __init__(self) -> None:
        super().__init__(
            "datacompy and polars are not installed, and without them there is nothing to compare with: "
            "run `make bench`, or `pip install --no-deps --require-hashes -r benchmarks/constraints.txt`."
        )


def refuse_without_datacompy() -> None:
    """Raise DatacompyMissing if it is not installed."""
    try:
        import datacompy  # noqa: F401
        import polars  # noqa: F401
    except ImportError:
        raise DatacompyMissing from None


def flat_pairs(engine: sa.Engine, pairs: int, *, one_in: int = 1000) -> Figures:
    """Write so many pairs, of which one in `one_in` differs, and let both compare them; only comparing is timed."""
    say(f"writing {pairs:,} flat pairs ...")
    write_pairs(engine, pairs, one_in)
    say("reconciling ...")
    ours, our_mb, totals = measured(lambda: reconcile(engine, RUN, PLAN, code_version=CODE))
    say(f"  {ours:.1f} s, {totals.mismatch:,} mismatches, {our_mb:.0f} MB")
    theirs, their_mb, unequal = datacompy_on(pairs, one_in)
    say(f"  datacompy: {theirs:.1f} s, {unequal:,} mismatches, {their_mb:.0f} MB")
    if totals.mismatch != unequal:
        raise AssertionError(f"reconcile found {totals.mismatch:,} mismatches and datacompy {unequal:,}: one is wrong")
    return {
        "datacompy_ratio": round(theirs / ours, 2),
        "peak_mb": round(our_mb, 1),
        "flat_pairs": pairs,
        "flat_mismatches": unequal,
        "flat_seconds": round(ours, 2),
        "datacompy_seconds": round(theirs, 2),
        "datacompy_peak_mb": round(their_mb, 1),
    }


def measured(what: Callable[[], T]) -> tuple[float, float, T]:
    """Seconds, peak memory in megabytes, and what it returned."""
    with PeakMemory() as memory:
        began = time.perf_counter()
        found = what()
        seconds = time.perf_counter() - began
    return seconds, memory.mb, found


def datacompy_on(pairs: int, one_in: int) -> tuple[float, float, int]:
    """What datacompy takes for the same pairs in polars frames that are in memory already; its peak includes them."""
    import polars as pl
    from datacompy import PolarsCompare

    number = pl.int_range(pairs, eager=True)
    unit = pl.select(pl.format("{}", pl.lit(number).cast(pl.String).str.zfill(9))).to_series()
    amount = (number % NUMBERS).cast(pl.Float64)
    word = pl.Series(WORDS).gather((number % len(WORDS)).cast(pl.UInt32))
    one = pl.DataFrame({"unit": unit, "decision": "send", "amount": amount, "word": word})
    other = one.with_columns(amount=pl.when(number % one_in == 0).then(amount + 0.5).otherwise(amount))

    def compare() -> int:
        found = PolarsCompare(one, other, join_columns="unit")
        differing: int = len(found.intersect_rows) - found.count_matching_rows()
        return differing

    return measured(compare)


def write_pairs(engine: sa.Engine, pairs: int, one_in: int) -> None:
    """Fill the tables of recorded outcomes by SQL, as the recorder would have; what they hold has its real digests.

    Keys are not checked, the indexes are made when the rows are there, and the table is left as autovacuum leaves it.
    """
    with engine.begin() as connection:
        open_run(connection, run_event(RUN), position=1)
        connection.execute(sa.text("SET LOCAL session_replication_role = replica"))
        connection.execute(
            sa.text("CREATE TEMP TABLE contents (number int, digest bytea, content bytea) ON COMMIT DROP")
        )
        connection.execute(sa.text("INSERT INTO contents VALUES (:number, :digest, :content)"), _contents())
        connection.execute(sa.text("DROP INDEX cutover.outcomes_recorded_in"))
        connection.execute(sa.text("ALTER TABLE cutover.outcomes DROP CONSTRAINT outcomes_pkey"))
        for path in PATHS:
            open_path(connection, RUN, path, CODE)
            connection.execute(_FILL, {"run": RUN, "path": path, "pairs": pairs, "one_in": one_in, "numbers": NUMBERS})
            close_path(connection, RUN, path)
    with engine.begin() as connection:
        connection.execute(sa.text("SET LOCAL maintenance_work_mem = '1GB'"))
        connection.execute(
            sa.text("ALTER TABLE cutover.outcomes ADD PRIMARY KEY (run, path, unit) INCLUDE (digest, fingerprint)")
        )
        connection.execute(sa.text("CREATE INDEX outcomes_recorded_in ON cutover.outcomes (run, recorded_in)"))
    with engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
        connection.execute(sa.text("VACUUM ANALYZE cutover.outcomes"))


def _contents() -> list[Mapping[str, object]]:
    """What an outcome with each number holds; from NUMBERS on, the number is another half."""
    both = [(number, float(number), WORDS[number % len(WORDS)]) for number in range(NUMBERS)]
    both += [(NUMBERS + number, amount + 0.5, word) for number, amount, word in both]
    return [
        {
            "number": number,
            "digest": digest("send", None, {"amount": amount, "word": word}),
            "content": pack({"amount": amount, "word": word}),
        }
        for number, amount, word in both
    ]


_FILL = sa.text("""
    INSERT INTO cutover.outcomes (run, path, unit, decision, digest, fingerprint, inputs, content, milliseconds)
    SELECT :run, CAST(:path AS text), lpad(i::text, 9, '0'), 'send', c.digest, decode(md5(i::text), 'hex'), '{}',
           c.content, 1 + (i % 97) / 97.0
    FROM generate_series(0, CAST(:pairs AS int) - 1) AS i
    JOIN contents c ON c.number = i % :numbers
         + CASE WHEN :path = 'event_driven' AND i % :one_in = 0 THEN :numbers ELSE 0 END
""")
