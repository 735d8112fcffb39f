"""Beginning a run: one barrier and one cohort, whoever begins it, how often, and whatever the stage does meanwhile."""

import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
import sqlalchemy as sa

from events import RunEvent, WeekStarted, emit, sequence_all
from events.stage_events import Stage
from sandbox.approver import move
from shadow.barrier import raise_barrier
from shadow.errors import BadRunName

PARTITIONS = 4
RUN = "2026-W47"
AT = datetime(2026, 11, 16, 9, tzinfo=UTC)


def change_stage(engine: sa.Engine, stage: Stage, percent: float = 0.0, minute: int = 0) -> None:
    with engine.begin() as connection:
        move(connection, stage, percent, at=AT + timedelta(minutes=minute))
    sequence_all(engine, PARTITIONS)


def begun(engine: sa.Engine, run: str = RUN, salt: str = "x") -> tuple[int, RunEvent]:
    return raise_barrier(engine, run, PARTITIONS, salt=salt)


def refusals(engine: sa.Engine) -> list[str]:
    with engine.connect() as connection:
        return list(connection.scalars(sa.text("SELECT reason FROM cutover.refused_events")))


def logged(engine: sa.Engine) -> int:
    with engine.connect() as connection:
        return connection.scalar(sa.text("SELECT count(*) FROM cutover.events WHERE type = 'WeekStarted'")) or 0


@pytest.mark.parametrize(
    ("stage", "sends", "percent", "salt"),
    [
        ("legacy", False, 0.0, ""),
        ("shadow", True, 0.0, "x"),
        ("canary", True, 5.0, "x"),
        ("event_driven", True, 100.0, "x"),
    ],
)
def test_a_week_freezes_who_sends_as_the_stage_has_it(
    database: sa.Engine, stage: Stage, sends: bool, percent: float, salt: str
) -> None:
    change_stage(database, stage, 5.0)
    position, event = begun(database)
    assert position == 4
    assert isinstance(event, WeekStarted)
    assert (event.sends, event.event_driven_percent, event.salt) == (sends, percent, salt)


def test_a_run_that_has_begun_keeps_its_barrier_and_its_cohort(database: sa.Engine) -> None:
    change_stage(database, "canary", 5.0)
    first = begun(database)
    change_stage(database, "canary", 50.0, 1)
    assert begun(database, salt="another") == first
    assert refusals(database) == []


def test_a_day_only_compares_at_every_stage(database: sa.Engine) -> None:
    change_stage(database, "canary", 5.0)
    _, event = begun(database, "2026-11-20")
    assert not isinstance(event, WeekStarted)


def test_a_run_of_no_name_is_refused(database: sa.Engine) -> None:
    with pytest.raises(BadRunName):
        begun(database, "2026-W99")
    assert logged(database) == 0


def test_I6_taps_at_once_while_the_stage_changes_begin_one_run(database: sa.Engine) -> None:
    change_stage(database, "shadow")
    together = threading.Barrier(5)

    def tap(number: int) -> tuple[int, RunEvent]:
        together.wait()
        return begun(database, salt=f"salt-{number}")

    def move() -> None:
        together.wait()
        for minute in range(1, 6):
            change_stage(database, "canary", 5.0 * minute, minute)

    with ThreadPoolExecutor(5) as threads:
        moving = threads.submit(move)
        found = list(threads.map(tap, range(4)))
        moving.result()
    sequence_all(database, PARTITIONS)
    assert len({position for position, _ in found}) == 1
    assert all(event == found[0][1] for _, event in found)
    assert refusals(database) == []
    assert logged(database) == 1


@contextmanager
def just_before(engine: sa.Engine, words: str, happen: Any) -> Iterator[None]:  # noqa: ANN401 - any callable
    """Let something happen once, right before the first statement that contains these words."""
    done = False

    def before(_conn: object, _cursor: object, statement: str, *_: object) -> None:
        nonlocal done
        if words in statement and not done:
            done = True
            happen()

    sa.event.listen(engine, "before_cursor_execute", before)
    try:
        yield
    finally:
        sa.event.remove(engine, "before_cursor_execute", before)
    assert done, f"no statement contained {words!r}"


@pytest.mark.parametrize("look", ["FROM cutover.outbox WHERE event_id", "FROM cutover.events WHERE event_id"])
def test_I6_an_event_that_is_being_sequenced_is_not_told_anew(database: sa.Engine, look: str) -> None:
    change_stage(database, "shadow")
    _, first = begun(database, "2026-W46")
    assert isinstance(first, WeekStarted)
    with database.begin() as connection:
        told = WeekStarted(run=RUN, scheduled_at=AT, occurred_at=AT, sends=True, salt="x")
        emit(connection, told)

    def sequenced_meanwhile() -> None:
        sequence_all(database, PARTITIONS)
        change_stage(database, "canary", 5.0, 1)

    with just_before(database, look, sequenced_meanwhile):
        assert begun(database)[1] == told
    sequence_all(database, PARTITIONS)
    assert refusals(database) == []
