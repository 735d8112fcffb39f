"""The stage: what the last word in the log says, and what a run that begins now makes of it."""

from datetime import UTC, datetime, timedelta

import pytest
import sqlalchemy as sa

from events import sequence_all
from events.stage_events import Stage
from sandbox.approver import move
from shadow.stage import Standing, standing

AT = datetime(2026, 11, 16, 9, tzinfo=UTC)


Change = tuple[Stage, float, int]


def changed(stage: Stage, percent: float = 0.0, minute: int = 0) -> Change:
    return stage, percent, minute


def after(engine: sa.Engine, *changes: Change) -> Standing:
    with engine.begin() as connection:
        for stage, percent, minute in changes:
            move(connection, stage, percent, at=AT + timedelta(minutes=minute))
    sequence_all(engine, 4)
    with engine.connect() as connection:
        return standing(connection)


def test_everything_begins_with_the_batch_that_sends_by_itself(database: sa.Engine) -> None:
    found = after(database)
    assert found == Standing(stage="legacy", percent=0.0)
    assert not found.sends


@pytest.mark.parametrize(
    ("stage", "percent", "owned", "sends"),
    [
        ("legacy", 50.0, 0.0, False),
        ("shadow", 50.0, 0.0, True),
        ("canary", 5.0, 5.0, True),
        ("event_driven", 5.0, 100.0, True),
        ("retired", 0.0, 100.0, True),
    ],
)
def test_what_each_stage_means(database: sa.Engine, stage: Stage, percent: float, owned: float, sends: bool) -> None:
    found = after(database, changed(stage, percent))
    assert (found.stage, found.percent, found.sends) == (stage, owned, sends)


def test_the_last_word_in_the_log_counts(database: sa.Engine) -> None:
    assert after(database, changed("canary", 5), changed("canary", 25, 1)).percent == 25
    assert after(database, changed("shadow", 0, 2)).stage == "shadow"


def test_what_is_not_in_the_log_yet_is_not_so_yet(database: sa.Engine) -> None:
    with database.begin() as connection:
        move(connection, "canary", 5, at=AT)
        assert standing(connection) == Standing()
