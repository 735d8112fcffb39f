"""The gate: records every outcome of both paths, and lets act for each unit the one path that owns it."""

from collections.abc import Sequence

import pytest
import sqlalchemy as sa

from shadow.cohort import Cohort
from shadow.gate import Gate
from shadow.job import Job
from shadow.outcome import Outcome, Path
from shadow.recorder import open_path, open_run
from shadow.schedule import run_event

PATHS: tuple[Path, Path] = ("legacy", "event_driven")
UNITS = [f"u{number:03d}" for number in range(100)]
OUTCOMES = [
    Outcome(unit=unit, decision="skip", reason="away") if unit.endswith("7") else Outcome(unit=unit, decision="send")
    for unit in UNITS
]
JOB = Job(name="reading lists", normalise=lambda fields: fields)


class Acts:
    """Takes note of who acted for whom."""

    def __init__(self) -> None:
        self.by: dict[Path, list[str]] = {"legacy": [], "event_driven": []}

    def __call__(self, _connection: sa.Connection, _run: str, path: Path, outcomes: Sequence[Outcome]) -> None:
        self.by[path] += [outcome.unit for outcome in outcomes]


def through(engine: sa.Engine, run: str, percent: float, *, sends: bool = True) -> Acts:
    """Both paths hand in all outcomes of a run."""
    acts = Acts()
    gate = Gate(JOB, acts)
    with engine.begin() as connection:
        open_run(connection, run_event(run, sends=sends, percent=percent, salt="x"), 1)
        for path in PATHS:
            open_path(connection, run, path, "test")
            assert gate(connection, run, path, OUTCOMES) == len(OUTCOMES)
            assert gate(connection, run, path, []) == 0
    return acts


def recorded(engine: sa.Engine) -> int:
    with engine.connect() as connection:
        return connection.scalar(sa.text("SELECT count(*) FROM cutover.outcomes")) or 0


@pytest.mark.parametrize("percent", [0.0, 5.0, 50.0, 100.0])
def test_I2_it_records_all_and_one_path_acts_for_each_unit(database: sa.Engine, percent: float) -> None:
    acts = through(database, "2026-W47", percent)
    assert recorded(database) == 2 * len(UNITS)
    assert sorted(acts.by["legacy"] + acts.by["event_driven"]) == UNITS
    cohort = Cohort(sends=True, percent=percent, salt="x")
    assert acts.by["event_driven"] == [unit for unit in UNITS if cohort.owner(unit) == "event_driven"]


@pytest.mark.parametrize(("run", "sends"), [("2026-11-20", True), ("2026-W47", False)])
def test_in_a_run_that_only_compares_nobody_acts(database: sa.Engine, run: str, sends: bool) -> None:
    acts = through(database, run, 50.0, sends=sends)
    assert recorded(database) == 2 * len(UNITS)
    assert acts.by == {"legacy": [], "event_driven": []}


def test_what_acting_raises_undoes_the_recording(database: sa.Engine) -> None:
    def refuse(*_: object) -> None:
        raise RuntimeError("no ledger today")

    with database.begin() as connection:
        open_run(connection, run_event("2026-W47", sends=True), 1)
        open_path(connection, "2026-W47", "legacy", "test")

    def hand_in() -> None:
        with database.begin() as connection:
            Gate(JOB, refuse)(connection, "2026-W47", "legacy", OUTCOMES)

    with pytest.raises(RuntimeError, match="no ledger today"):
        hand_in()
    assert recorded(database) == 0
