"""Claiming: whoever comes first, nobody twice, nobody who does not want mail, and nothing that is not due."""

import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import pytest
import sqlalchemy as sa

from events import sequence_all
from handlers.delivery import campaign
from handlers.delivery.ledger import Claim, claim, settle
from handlers.delivery.settlement import Settlement
from tests.delivery.ledgers import (
    PARTITIONS,
    RUN,
    execute,
    own_database,
    plan_users,
    row,
    states,
    take,
    take_one,
    wish,
)

MANY = [f"u{number:03d}" for number in range(200)]


@pytest.fixture
def ledger(database: sa.Engine) -> sa.Engine:
    return database


@pytest.fixture(scope="module")
def wishes(postgres_url: str, template_url: str) -> Iterator[sa.Engine]:
    with own_database(postgres_url, template_url) as engine:
        yield engine


def test_a_claim_is_the_right_to_one_call_under_a_new_attempt(ledger: sa.Engine) -> None:
    plan_users(ledger, "u1", path="legacy")
    found = row(ledger, "u1")
    assert take_one(ledger) == Claim(run=RUN, user_id="u1", path="legacy", send_id=found["send_id"], attempt=1)
    held = row(ledger, "u1")
    assert (held["state"], held["attempt"]) == ("sending", 1)
    assert 3590 < (held["lease_until"] - held["changed_at"]).total_seconds() <= 3600
    assert not take(ledger).claims


def test_I2_claims_at_once_never_get_the_same_row(ledger: sa.Engine) -> None:
    plan_users(ledger, *MANY)
    together = threading.Barrier(4)

    def work(_: int) -> list[str]:
        found: list[str] = []
        together.wait()
        for _ in range(1000):
            claims = take(ledger, 7).claims
            found += [each.user_id for each in claims]
            if not claims and "planned" not in states(ledger).values():
                return found
        raise AssertionError("rows are left that nobody gets")

    with ThreadPoolExecutor(4) as workers:
        claimed = [user_id for found in workers.map(work, range(4)) for user_id in found]
    assert sorted(claimed) == MANY
    assert set(states(ledger).values()) == {"sending"}


def test_nobody_waits_for_a_row_that_another_is_claiming(ledger: sa.Engine) -> None:
    plan_users(ledger, "u1", "u2", "u3")
    with ledger.begin() as first, ledger.begin() as second:
        second.execute(sa.text("SET LOCAL lock_timeout = '1ms'"))
        assert [each.user_id for each in claim(first, 0, 2, lease=9.0).claims] == ["u1", "u2"]
        assert [each.user_id for each in claim(second, 0, 2, lease=9.0).claims] == ["u3"]


def test_the_cursor_walks_through_a_partition_and_says_when_it_may_be_over(ledger: sa.Engine) -> None:
    plan_users(ledger, *MANY[:5], run="2026-W46")
    plan_users(ledger, *MANY[:2])
    after, seen, more = ("", ""), [], []
    for _ in range(4):
        with ledger.begin() as connection:
            found = claim(connection, 0, 2, lease=9.0, after=after)
        seen += [(each.run, each.user_id) for each in sorted(found.claims, key=lambda each: (each.run, each.user_id))]
        more.append(found.more)
        after = found.last
    assert seen == [("2026-W46", user_id) for user_id in MANY[:5]] + [(RUN, user_id) for user_id in MANY[:2]]
    assert more == [True, True, True, False]
    with ledger.begin() as connection:
        nothing = claim(connection, 0, 2, lease=9.0, after=after)
    assert (nothing.last, nothing.more) == (after, False)


def test_rows_before_the_cursor_and_of_other_runs_and_partitions_are_left_alone(ledger: sa.Engine) -> None:
    plan_users(ledger, "u1", "u2")
    plan_users(ledger, "u1", run="2026-W48")
    with ledger.begin() as connection:
        assert not claim(connection, 1, 9, lease=9.0).claims
        assert not claim(connection, 0, 9, lease=9.0, run="2026-W49").claims
        found = claim(connection, 0, 9, lease=9.0, after=(RUN, "u1"), run=RUN)
    assert [(each.run, each.user_id) for each in found.claims] == [(RUN, "u2")]


def test_a_paused_campaign_gives_nothing_until_it_is_resumed(ledger: sa.Engine) -> None:
    plan_users(ledger, "u1")
    with ledger.begin() as connection:
        assert campaign.pause(connection, RUN, by="ann")
    assert not take(ledger).claims
    with ledger.begin() as connection:
        assert campaign.resume(connection, RUN)
    assert take(ledger).claims


def test_a_campaign_that_has_ended_gives_nothing_until_it_has_more_time(ledger: sa.Engine) -> None:
    plan_users(ledger, "u1", within=0.0)
    assert not take(ledger).claims
    with ledger.begin() as connection:
        assert campaign.extend(connection, RUN, 60.0)
    assert take(ledger).claims


def test_a_row_is_not_due_before_its_time(ledger: sa.Engine) -> None:
    plan_users(ledger, "u1")
    with ledger.begin() as connection:
        (claimed,) = claim(connection, 0, 1, lease=9.0).claims
        settle(connection, [(claimed, Settlement(state="planned", reason="http_503", delay=3600.0))])
    assert not take(ledger).claims
    execute(ledger, "UPDATE cutover.send_ledger SET not_before = clock_timestamp()")
    assert take_one(ledger).attempt == 2
    assert row(ledger, "u1")["not_before"] is None


@pytest.mark.parametrize(
    ("said", "refusal"),
    [
        ([(False, 0, False)], "unsubscribed"),
        ([(False, 0, True)], "unsubscribed"),
        ([(True, 0, True)], None),
        ([(False, 0, True), (True, 1, True)], None),
        ([(False, 0, True), (True, 1, False)], None),
        ([(False, 0, False), (True, 1, False)], None),
        ([(True, 0, True), (False, 1, True)], "unsubscribed"),
        ([(True, 0, True), (False, 1, False)], "unsubscribed"),
        ([(True, 0, False), (False, 1, False)], "unsubscribed"),
        ([(True, 5, True), (False, 1, True)], None),
        ([(False, 5, True), (True, 1, True)], "unsubscribed"),
        ([(True, 5, True), (False, 1, False)], None),
        ([(True, 5, False), (False, 1, False)], None),
        ([(False, 5, True), (True, 1, False)], "unsubscribed"),
        ([(False, 5, False), (True, 1, False)], "unsubscribed"),
        ([(True, 5, True), (False, 5, True)], "unsubscribed"),
        ([(True, 5, True), (False, 5, False)], "unsubscribed"),
        ([(False, 5, False), (True, 5, False)], None),
    ],
)
def test_the_last_wish_counts_wherever_it_is(
    wishes: sa.Engine, said: list[tuple[bool, float, bool]], refusal: str | None, request: pytest.FixtureRequest
) -> None:
    run = user_id = request.node.name
    plan_users(wishes, user_id, run=run)
    for mail, after, logged in said:
        wish(wishes, user_id, mail=mail, after=after, logged=logged)
    found = take(wishes, run=run)
    assert [each.user_id for each in found.claims] == ([] if refusal else [user_id])
    assert found.suppressed == int(refusal is not None)
    held = row(wishes, user_id, run)
    assert (held["state"], held["reason"]) == ("suppressed" if refusal else "sending", refusal)
    assert held["attempt"] == int(refusal is None)


def test_a_wish_that_is_not_committed_is_none_yet(ledger: sa.Engine) -> None:
    plan_users(ledger, "u1")
    with ledger.connect() as connection:
        connection.execute(
            sa.text(
                "INSERT INTO cutover.outbox (event_id, type, version, data) "
                "VALUES ('x', 'UserUnsubscribed', 1, '{\"user_id\": \"u1\"}')"
            )
        )
        assert take(ledger).claims
        connection.rollback()


@pytest.mark.parametrize("said", ["{}", '{"occurred_at": null}', '{"occurred_at": "monday"}', '{"occurred_at": 5}'])
@pytest.mark.parametrize("mail", [True, False])
def test_a_wish_that_cannot_be_read_is_one_for_no_mail_until_it_is_refused(
    wishes: sa.Engine, said: str, mail: bool, request: pytest.FixtureRequest
) -> None:
    run = user_id = request.node.name
    plan_users(wishes, user_id, run=run)
    wish(wishes, user_id, mail=not mail, after=5)
    statement = """
        INSERT INTO cutover.outbox (event_id, type, version, data)
        VALUES ('unread ' || :user_id, :type, 1, CAST(:said AS jsonb) || jsonb_build_object('user_id', :user_id))
    """
    kind = "UserResubscribed" if mail else "UserUnsubscribed"
    execute(wishes, statement, user_id=user_id, type=kind, said=said)
    with wishes.connect() as connection:
        assert claim(connection, 0, 9, lease=9.0, run=run).suppressed == 1
        connection.rollback()
    sequence_all(wishes, PARTITIONS)
    assert take(wishes, run=run).suppressed == int(mail)


@pytest.mark.parametrize("reason", ["bounced", "spam_reported"])
def test_who_cannot_be_mailed_is_suppressed_for_that_reason(ledger: sa.Engine, reason: str) -> None:
    plan_users(ledger, "u1", "u2")
    execute(ledger, "INSERT INTO cutover.undeliverable VALUES ('u1', :reason, now())", reason=reason)
    assert take(ledger).suppressed == 1
    assert states(ledger) == {"u1": "suppressed", "u2": "sending"}
    assert row(ledger, "u1")["reason"] == reason


def test_a_wish_counts_at_every_claim_and_not_only_at_the_first(ledger: sa.Engine) -> None:
    plan_users(ledger, "u1")
    with ledger.begin() as connection:
        (claimed,) = claim(connection, 0, 1, lease=9.0).claims
        settle(connection, [(claimed, Settlement(state="planned", reason="http_503"))])
    wish(ledger, "u1", mail=False)
    assert take(ledger).suppressed == 1
    assert row(ledger, "u1")["attempt"] == 1


def test_a_wish_moves_from_outbox_to_log_without_a_gap(ledger: sa.Engine) -> None:
    users = MANY[:60]
    plan_users(ledger, *users)
    for user_id in users:
        wish(ledger, user_id, mail=False)
    with ThreadPoolExecutor(1) as sequencer:
        done = sequencer.submit(sequence_all, ledger, PARTITIONS)
        while not done.done() or "planned" in states(ledger).values():
            assert not take(ledger, 2).claims
    assert set(states(ledger).values()) == {"suppressed"}


def test_planning_again_changes_nothing_whoever_does_it(ledger: sa.Engine) -> None:
    plan_users(ledger, "u1", path="legacy")
    before, ends = row(ledger, "u1"), _send_by(ledger)
    plan_users(ledger, "u1", "u1", path="event_driven", reason="unsubscribed", within=9.0)
    assert (row(ledger, "u1"), _send_by(ledger)) == (before, ends)


def test_two_that_plan_the_same_users_at_once_make_one_row_of_each(ledger: sa.Engine) -> None:
    together = threading.Barrier(2)

    def work(path: str) -> None:
        together.wait()
        plan_users(ledger, *MANY, path=path)

    with ThreadPoolExecutor(2) as workers:
        list(workers.map(work, ["legacy", "event_driven"]))
    assert list(states(ledger)) == MANY


def _send_by(engine: sa.Engine) -> object:
    with engine.connect() as connection:
        return connection.scalar(sa.text("SELECT send_by FROM cutover.campaigns WHERE run = :run"), {"run": RUN})
