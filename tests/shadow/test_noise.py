"""The legacy path held against itself: rows come in another order, and what depends on it shows."""

from collections.abc import Iterator

import psycopg
import pytest
import sqlalchemy as sa

from shadow.job import Job
from shadow.noise import NoiseSample
from shadow.outcome import Outcome, digest
from shadow.shuffled import shuffled
from tests.reconcile.recorded_runs import RecordedRun, sent

JOB = Job(name="reading lists", normalise=lambda fields: fields)
RUN = "2026-W47"
NUMBERS = [(n,) for n in range(300)]
QUERY = "SELECT n FROM generate_series(0, 299) AS n"


@pytest.fixture
def connection(database: sa.Engine) -> "Iterator[psycopg.Connection[tuple[int]]]":
    with database.connect() as found:
        driver = found.connection.driver_connection
        assert isinstance(driver, psycopg.Connection)
        yield driver


def test_rows_come_whole_and_in_another_order(connection: "psycopg.Connection[tuple[int]]") -> None:
    with shuffled(connection):
        fetched = connection.execute(QUERY).fetchall()
        iterated = list(connection.execute(QUERY))
        with connection.cursor() as cursor, cursor.copy(f"COPY ({QUERY}) TO STDOUT (FORMAT BINARY)") as copy:
            copy.set_types(["int4"])
            copied = list(copy.rows())
    for found in (fetched, iterated, copied):
        assert sorted(found) == NUMBERS
        assert found != NUMBERS


def test_an_order_that_was_asked_for_is_kept(connection: "psycopg.Connection[tuple[int]]") -> None:
    with shuffled(connection):
        assert connection.execute(f"{QUERY} ORDER BY n").fetchall() == NUMBERS


def test_afterwards_the_connection_is_as_it_was(connection: "psycopg.Connection[tuple[int]]") -> None:
    with shuffled(connection):
        pass
    assert connection.execute(QUERY).fetchall() == NUMBERS


def kept(database: sa.Engine) -> dict[str, bytes]:
    with database.connect() as connection:
        return {row.unit: row.digest for row in connection.execute(sa.text("SELECT unit, digest FROM cutover.noise"))}


def outcome(unit: str, score: float = 0.5) -> Outcome:
    return sent(unit, ("b1", score))


def test_a_sample_of_the_second_go_is_kept_and_is_always_the_same(database: sa.Engine) -> None:
    RecordedRun(run=RUN, legacy={}, event_driven={}).write(database)
    units = [f"u{n}" for n in range(100)]
    samples = []
    for order in (units, units[::-1]):
        sample = NoiseSample(JOB, RUN, size=10)
        for unit in order:
            sample.take([outcome(unit)])
        with database.begin() as connection:
            assert sample.store(connection) == 10
        samples.append(kept(database))
    assert samples[0] == samples[1] == {unit: digest("send", None, outcome(unit).fields) for unit in samples[0]}
    assert len(samples[0]) == 10


def test_another_run_samples_other_units(database: sa.Engine) -> None:
    sampled = []
    for run in (RUN, "2026-W48"):
        RecordedRun(run=run, legacy={}, event_driven={}).write(database)
        sample = NoiseSample(JOB, run, size=10)
        sample.take(outcome(f"u{n}") for n in range(100))
        with database.begin() as connection:
            sample.store(connection)
            found = connection.scalars(sa.text("SELECT unit FROM cutover.noise WHERE run = :run"), {"run": run})
            sampled.append(set(found))
    assert sampled[0] != sampled[1]
