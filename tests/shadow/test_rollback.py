"""Rolling back a run: nobody twice, nobody forgotten, in whatever order gate, batch, claims and rollback come."""

import threading
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime

import pytest
import sqlalchemy as sa

from console.weekly_job import weekly_gate, weekly_rollback
from events import fix_partitions, sequence_all
from handlers.delivery.ledger import Claim, settle
from handlers.delivery.settlement import Settlement
from handlers.delivery.upkeep import due_partitions
from shadow.cohort import cohort_of, frozen_cohort
from shadow.errors import UnknownRun
from shadow.outcome import Outcome, Path
from shadow.recorder import close_path, open_path, open_run
from shadow.rollback import RolledBack
from shadow.schedule import run_event
from tests.delivery.ledgers import RUN, emitted, execute, refused, row, take

PARTITIONS = 1
AT = datetime(2026, 11, 16, 9, 5, tzinfo=UTC)
USERS = [f"u{number:02d}" for number in range(40)]
SKIPPED = frozenset({"u03", "u13", "u23"})

GATE = weekly_gate(PARTITIONS)
ROLLBACK = weekly_rollback(PARTITIONS)


@pytest.fixture
def engine(database: sa.Engine) -> sa.Engine:
    """A canary of half of the users that has begun, and of which nothing is recorded yet."""
    with database.begin() as connection:
        fix_partitions(connection, PARTITIONS)
        open_run(connection, run_event(RUN, sends=True, percent=50.0, salt="x"), 1)
        for path in ("legacy", "event_driven"):
            open_path(connection, RUN, path, "test")
    return database


@pytest.fixture
def owned(engine: sa.Engine) -> set[str]:
    """Those whom the event-driven path owns."""
    with engine.connect() as connection:
        cohort = frozen_cohort(connection, RUN)
    found = {user for user in USERS if cohort.owner(user) == "event_driven"}
    assert 10 < len(found) < 30
    assert found & SKIPPED
    assert SKIPPED - found
    return found


def outcomes(users: Sequence[str]) -> list[Outcome]:
    return [
        Outcome(unit=user, decision="skip", reason="unsubscribed")
        if user in SKIPPED
        else Outcome(unit=user, decision="send")
        for user in users
    ]


def hand_in(engine: sa.Engine, path: Path, users: Sequence[str] = USERS) -> None:
    """One path hands in all it has to say of the run."""
    with engine.begin() as connection:
        GATE(connection, RUN, path, outcomes(users))
        close_path(connection, RUN, path)


def event_driven_sends(engine: sa.Engine) -> None:
    """The event-driven path of a run in which both would send to everybody."""
    with engine.begin() as connection:
        GATE(connection, RUN, "event_driven", [Outcome(unit=user, decision="send") for user in USERS])


def roll_back(engine: sa.Engine) -> RolledBack | None:
    with engine.begin() as connection:
        return ROLLBACK(connection, RUN, by="ada", why="too many refusals", at=AT)


def follow(engine: sa.Engine) -> int:
    with engine.begin() as connection:
        return ROLLBACK.follow(connection)


def answer(engine: sa.Engine, claims: Sequence[Claim], settlement: Settlement) -> None:
    with engine.begin() as connection:
        settle(connection, [(claim, settlement) for claim in claims])


ACCEPTED = Settlement(state="accepted", evidence="answer")


def send_all(engine: sa.Engine) -> list[Claim]:
    """Everything that can be claimed is accepted; by whom."""
    sent: list[Claim] = []
    while claims := take(engine).claims:
        answer(engine, claims, ACCEPTED)
        sent += claims
    return sent


def rows(engine: sa.Engine) -> dict[str, tuple[str, str, str | None]]:
    with engine.connect() as connection:
        found = connection.execute(sa.text("SELECT user_id, path, state, reason FROM cutover.send_ledger"))
        return {each.user_id: (each.path, each.state, each.reason) for each in found}


def balanced(engine: sa.Engine, *sent: Claim) -> None:
    """Every user is settled, was sent at most one e-mail, and the log refuses nothing of it."""
    assert len({claim.user_id for claim in sent}) == len(sent)
    found = rows(engine)
    assert [*found]
    assert sorted(found) == USERS
    assert {user for user, (_, state, _) in found.items() if state == "accepted"} == {each.user_id for each in sent}
    assert {user for user, (_, state, _) in found.items() if state == "suppressed"} == SKIPPED
    assert refused(engine) == []


def test_before_anybody_was_sent_to_the_legacy_path_gets_everybody(engine: sa.Engine, owned: set[str]) -> None:
    hand_in(engine, "event_driven")
    hand_in(engine, "legacy")
    assert roll_back(engine) == RolledBack(run=RUN, handed_in=len(owned))
    sent = send_all(engine)
    assert {claim.path for claim in sent} == {"legacy"}
    balanced(engine, *sent)


def test_what_is_rolled_back_is_told_once_and_by_whom(engine: sa.Engine, owned: set[str]) -> None:
    event_driven_sends(engine)
    hand_in(engine, "legacy")
    assert roll_back(engine)
    assert roll_back(engine) is None
    told = emitted(engine)
    (rolled,) = [data for kind, data in told if kind == "RunRolledBack"]
    assert (rolled["by"], rolled["why"], rolled["drill"]) == ("ada", "too many refusals", False)
    moved = [data for kind, data in told if kind == "EmailReassigned"]
    assert {data["user_id"] for data in moved} == owned
    assert len(moved) == len(owned)
    assert {(data["path"], data["reason"]) for data in moved} == {("legacy", "rolled back: too many refusals")}
    suppressed = {data["user_id"]: data["path"] for kind, data in told if kind == "EmailSuppressed"}
    assert suppressed == dict.fromkeys(SKIPPED, "legacy")


def test_until_the_legacy_path_has_handed_them_in_they_wait(engine: sa.Engine, owned: set[str]) -> None:
    event_driven_sends(engine)
    assert roll_back(engine) == RolledBack(run=RUN, waiting=len(owned))
    assert not take(engine).claims
    with engine.connect() as connection:
        assert due_partitions(connection) == []
    assert follow(engine) == 0
    hand_in(engine, "legacy")
    sent = send_all(engine)
    assert {claim.path for claim in sent} == {"legacy"}
    balanced(engine, *sent)


def test_in_mid_campaign_what_was_sent_stays_and_the_rest_changes_hands(engine: sa.Engine, owned: set[str]) -> None:
    hand_in(engine, "event_driven")
    hand_in(engine, "legacy")
    sent, flying = list(take(engine, 8).claims), list(take(engine, 6).claims)
    answer(engine, sent, ACCEPTED)
    assert roll_back(engine)
    answer(engine, flying, ACCEPTED)
    rest = send_all(engine)
    assert {claim.path for claim in rest} == {"legacy"}
    assert owned & {claim.user_id for claim in [*sent, *flying]}
    balanced(engine, *sent, *flying, *rest)


def test_what_comes_back_from_sending_follows_and_is_never_claimed_under_its_old_owner(
    engine: sa.Engine, owned: set[str]
) -> None:
    hand_in(engine, "event_driven")
    hand_in(engine, "legacy")
    flying = [claim for claim in take(engine).claims if claim.path == "event_driven"]
    assert {claim.user_id for claim in flying} == owned - SKIPPED
    legacy = [claim for claim in _claimed(engine) if claim not in flying]
    answer(engine, legacy, ACCEPTED)
    assert roll_back(engine)
    answer(engine, flying, Settlement(state="planned", reason="http_503"))
    assert not take(engine).claims
    assert follow(engine) == len(flying)
    rest = send_all(engine)
    assert {claim.path for claim in rest} == {"legacy"}
    balanced(engine, *legacy, *rest)


def _claimed(engine: sa.Engine) -> Iterator[Claim]:
    with engine.connect() as connection:
        found = connection.execute(
            sa.text("SELECT run, user_id, path, send_id, attempt FROM cutover.send_ledger WHERE state = 'sending'")
        )
        yield from (Claim(**each._mapping) for each in found)


def test_whom_neither_path_had_planned_is_planned_by_the_rollback(engine: sa.Engine, owned: set[str]) -> None:
    hand_in(engine, "legacy")
    assert not owned & rows(engine).keys()
    assert roll_back(engine) == RolledBack(run=RUN, handed_in=len(owned))
    hand_in(engine, "event_driven")
    sent = send_all(engine)
    assert {claim.path for claim in sent} == {"legacy"}
    balanced(engine, *sent)


def test_a_batch_that_was_under_way_has_everybody_handed_in_when_it_is_done(engine: sa.Engine) -> None:
    with engine.begin() as batch:
        GATE(batch, RUN, "legacy", outcomes(USERS[:20]))
        hand_in(engine, "event_driven")
        assert roll_back(engine), "a rollback does not wait for the batch"
        assert follow(engine) == 0
        GATE(batch, RUN, "legacy", outcomes(USERS[20:]))
        close_path(batch, RUN, "legacy")
    assert follow(engine)
    sent = send_all(engine)
    assert {claim.path for claim in sent} == {"legacy"}
    balanced(engine, *sent)
    assert follow(engine) == 0


def test_who_is_unknown_to_the_batch_is_suppressed_and_told_why(engine: sa.Engine, owned: set[str]) -> None:
    hand_in(engine, "event_driven")
    stranger = sorted(owned - SKIPPED)[0]
    hand_in(engine, "legacy", [user for user in USERS if user != stranger])
    assert roll_back(engine)
    assert rows(engine)[stranger] == ("legacy", "suppressed", "no_legacy_outcome")
    assert refused(engine) == []


@pytest.mark.parametrize("first", ["gate", "rollback"])
def test_a_gate_and_a_rollback_at_once_forget_nobody(engine: sa.Engine, first: str) -> None:
    hand_in(engine, "legacy")
    locked = threading.Event()

    def gate() -> None:
        with engine.begin() as connection:
            cohort_of(connection, RUN, hold=True)
            locked.set()
            GATE(connection, RUN, "event_driven", [Outcome(unit=user, decision="send") for user in USERS])

    def rollback() -> None:
        with engine.begin() as connection:
            connection.execute(sa.text("SELECT FROM cutover.runs WHERE run = :run FOR NO KEY UPDATE"), {"run": RUN})
            locked.set()
            assert ROLLBACK(connection, RUN, by="ada", why="a race", at=AT)

    leading, following = (gate, rollback) if first == "gate" else (rollback, gate)
    with ThreadPoolExecutor(2) as threads:
        leader = threads.submit(leading)
        assert locked.wait(10)
        follower = threads.submit(following)
        leader.result(30)
        follower.result(30)
    sent = send_all(engine)
    assert {claim.path for claim in sent} == {"legacy"}
    balanced(engine, *sent)


def test_a_rollback_waits_for_a_gate_that_is_handing_in(engine: sa.Engine) -> None:
    with engine.begin() as gate, engine.connect() as other:
        GATE(gate, RUN, "event_driven", outcomes(USERS[:5]))
        other.execute(sa.text("SET lock_timeout = '50ms'"))
        with pytest.raises(sa.exc.OperationalError, match="lock timeout"):
            ROLLBACK(other, RUN, by="ada", why="at once", at=AT)


def test_afterwards_the_cohort_is_empty_and_what_was_frozen_is_still_known(engine: sa.Engine) -> None:
    assert roll_back(engine)
    with engine.connect() as connection:
        assert cohort_of(connection, RUN).percent == 0.0
        assert frozen_cohort(connection, RUN).percent == 50.0


def test_a_row_never_goes_to_the_event_driven_path(engine: sa.Engine) -> None:
    hand_in(engine, "legacy")
    statement = "UPDATE cutover.send_ledger SET path = 'event_driven' WHERE path = 'legacy' AND state = 'planned'"
    with pytest.raises(sa.exc.IntegrityError, match="can go from event_driven to legacy, and not from legacy to"):
        execute(engine, statement)


def test_a_run_that_has_not_begun_cannot_be_rolled_back(engine: sa.Engine) -> None:
    with pytest.raises(UnknownRun, match="2026-W48"), engine.begin() as connection:
        ROLLBACK(connection, "2026-W48", by="ada", why="nothing", at=AT)


def test_the_log_holds_what_the_ledger_does(engine: sa.Engine) -> None:
    hand_in(engine, "event_driven")
    hand_in(engine, "legacy")
    assert roll_back(engine)
    sequence_all(engine, PARTITIONS)
    assert refused(engine) == []
    assert row(engine, "u03")["state"] == "suppressed"
