"""The watch and the drill: a canary that crosses a limit is rolled back once, and a drill is judged when it is over."""

from collections.abc import Sequence
from datetime import UTC, datetime
from itertools import islice

import pytest
import sqlalchemy as sa

from console.running import running_canaries
from console.watching import record_drills, watch_canaries
from console.weekly_job import weekly_gate, weekly_rollback
from events import Subscriptions, fix_partitions, sequence_all
from handlers.delivery.drill import Moved, judge
from handlers.delivery.ledger import settle
from handlers.delivery.settlement import Settlement
from handlers.delivery.upkeep import end_campaigns
from sandbox.approver import move
from shadow.history import Migration, migration
from shadow.outcome import Outcome, Path
from shadow.recorder import close_path, open_path, open_run
from shadow.schedule import run_event
from tests.delivery.ledgers import RUN, execute, refused, states, take

PARTITIONS = 1
USERS = [f"u{number:03d}" for number in range(120)]
GATE, ROLLBACK = weekly_gate(PARTITIONS), weekly_rollback(PARTITIONS)
PATHS: tuple[Path, Path] = ("legacy", "event_driven")
ACCEPTED = Settlement(state="accepted", evidence="answer")
FAILED = Settlement(state="failed", reason="http_400 no valid address")


@pytest.fixture
def canary(database: sa.Engine) -> sa.Engine:
    """A canary of half of the users, planned by both paths and not sent yet."""
    return planned(database, PATHS)


def planned(database: sa.Engine, by: Sequence[Path]) -> sa.Engine:
    """A canary of half of the users, planned by these paths and not sent yet."""
    with database.begin() as connection:
        fix_partitions(connection, PARTITIONS)
        move(connection, "canary", 50, at=datetime.now(UTC))
    sequence_all(database, PARTITIONS)
    with database.begin() as connection:
        open_run(connection, run_event(RUN, sends=True, percent=50.0, salt="x"), 3)
        for path in PATHS:
            open_path(connection, RUN, path, "test")
    for path in by:
        with database.begin() as connection:
            GATE(connection, RUN, path, [Outcome(unit=user, decision="send") for user in USERS])
            close_path(connection, RUN, path)
    return database


def send(engine: sa.Engine, failures: int, *, path: str = "event_driven", more: int = 0) -> None:
    """The provider refuses so many of one path's e-mails, and takes so many more of it; the rest is put back."""
    claims = take(engine, len(USERS)).claims
    of_path = iter([each for each in claims if each.path == path])
    told = [(each, FAILED) for each in islice(of_path, failures)] + [(each, ACCEPTED) for each in islice(of_path, more)]
    rest = [each for each in claims if each not in {claim for claim, _ in told}]
    with engine.begin() as connection:
        settle(connection, [*told, *((each, Settlement(state="planned")) for each in rest)])


def watch(engine: sa.Engine) -> str | None:
    with engine.begin() as connection:
        return watch_canaries(connection, Subscriptions([]), ROLLBACK)


def told(engine: sa.Engine, kind: str) -> Sequence[dict[str, object]]:
    assert refused(engine) == []
    with engine.connect() as connection:
        found = connection.scalars(sa.text("SELECT data FROM cutover.events WHERE type = :kind"), {"kind": kind})
        return list(found)


def where(engine: sa.Engine) -> Migration:
    sequence_all(engine, PARTITIONS)
    with engine.connect() as connection:
        return migration(connection)


def finish(engine: sa.Engine) -> None:
    while claims := take(engine, len(USERS)).claims:
        with engine.begin() as connection:
            settle(connection, [(each, ACCEPTED) for each in claims])


def test_a_canary_that_does_well_is_left_alone(canary: sa.Engine) -> None:
    send(canary, 1, more=40)
    assert watch(canary) is None
    assert where(canary).here.stage == "canary"


def test_the_watch_rolls_back_once_and_says_which_limit(canary: sa.Engine) -> None:
    send(canary, 6, more=20)
    crossed = watch(canary)
    assert crossed is not None
    assert "6 of 26 (23.1%) were refused for good, the limit is 2.0%" in crossed
    assert watch(canary) is None
    found = where(canary)
    assert (found.here.stage, found.change.by, found.change.why) == ("shadow", "watch", crossed)
    assert watch(canary) is None
    (rolled,) = told(canary, "RunRolledBack")
    assert (rolled["by"], rolled["why"], rolled["drill"]) == ("watch", crossed, False)
    assert [event["stage"] for event in told(canary, "StageChanged")] == ["canary", "shadow"]
    assert {each.path for each in take(canary, len(USERS)).claims} == {"legacy"}


def test_what_the_legacy_path_sends_is_no_failure_of_the_canary(canary: sa.Engine) -> None:
    send(canary, 10, path="legacy", more=20)
    assert watch(canary) is None


def test_nobody_is_watched_after_the_campaign(canary: sa.Engine) -> None:
    send(canary, 6, more=20)
    finish(canary)
    with canary.connect() as connection:
        assert running_canaries(connection) == []
    assert watch(canary) is None


def test_a_mismatch_of_the_newest_reconciliation_rolls_back(canary: sa.Engine) -> None:
    with canary.begin() as connection:
        connection.execute(
            sa.text(
                "INSERT INTO cutover.runs (run, kind, scheduled_at, position) VALUES ('2026-11-15', 'day', now(), 1)"
            )
        )
        connection.execute(
            sa.text(
                "INSERT INTO cutover.reconciliations (run, policy_digest, code_version, totals, reconciled_at) "
                "VALUES ('2026-11-15', 'p', 'c', '{\"mismatch\": 2}', now())"
            )
        )
    assert (watch(canary) or "").startswith("unexplained mismatches: 2 in run 2026-11-15")


def drill(engine: sa.Engine) -> None:
    with engine.begin() as connection:
        assert ROLLBACK(connection, RUN, by="ada", why="practice", at=datetime.now(UTC), drill=True)


def test_a_drill_is_judged_when_it_is_over_and_leaves_the_stage(canary: sa.Engine) -> None:
    send(canary, 0, more=20)
    drill(canary)
    sequence_all(canary, PARTITIONS)
    with canary.begin() as connection:
        record_drills(connection)
    assert told(canary, "DrillRecorded") == [], "it is not over"
    finish(canary)
    sequence_all(canary, PARTITIONS)
    for _ in range(2):
        with canary.begin() as connection:
            record_drills(connection)
    (recorded,) = told(canary, "DrillRecorded")
    moved = len(told(canary, "EmailReassigned"))
    assert (recorded["passed"], recorded["moved"]) == (True, moved)
    assert moved > 20
    found = where(canary)
    assert found.here.stage == "canary"
    assert found.drill is not None
    assert set(states(canary).values()) == {"accepted"}


def test_a_drill_fails_if_the_legacy_path_never_hands_in_whom_it_got(database: sa.Engine) -> None:
    """The cron line is gone, say: whoever was moved waits for it until the campaign ends."""
    canary = planned(database, ("event_driven",))
    send(canary, 0, more=20)
    drill(canary)
    execute(canary, "UPDATE cutover.campaigns SET send_by = clock_timestamp() WHERE run = :run", run=RUN)
    with canary.begin() as connection:
        end_campaigns(connection)
    sequence_all(canary, PARTITIONS)
    with canary.begin() as connection:
        record_drills(connection)
    (recorded,) = told(canary, "DrillRecorded")
    moved = len(told(canary, "EmailReassigned"))
    assert moved > 20
    assert not recorded["passed"]
    assert f"{moved} of those moved were not handled by the legacy path in time" in str(recorded["why"])
    found = where(canary).drill
    assert found is not None
    assert not found.passed


@pytest.mark.parametrize(
    ("moved", "passed", "said"),
    [
        (Moved(planned=100, settled=100, moved=40, left_out=0, twice=0), True, "40 of 100 changed hands"),
        (Moved(planned=100, settled=100, moved=0, left_out=0, twice=0), False, "nothing was tried"),
        (Moved(planned=100, settled=99, moved=40, left_out=0, twice=0), False, "1 are not settled"),
        (Moved(planned=100, settled=100, moved=40, left_out=2, twice=0), False, "2 of those moved were not"),
        (Moved(planned=100, settled=100, moved=40, left_out=0, twice=1), False, "1 were accepted more than once"),
    ],
)
def test_a_drill_passes_only_if_all_is_well(moved: Moved, passed: bool, said: str) -> None:
    judged = judge(moved)
    assert (judged.passed, said in judged.found) == (passed, True)
