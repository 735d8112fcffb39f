"""Settling: what an answer means for its row, and whose answer still counts."""

from collections.abc import Iterator

import pytest
import sqlalchemy as sa

from handlers.delivery import unconfirmed
from handlers.delivery.ledger import Claim, settle
from handlers.delivery.provider import Accepted, Answer, NotAccepted, Refused, Unconfirmed
from handlers.delivery.settlement import LONGEST_DELAY, Settlement, settlement_of
from handlers.delivery.upkeep import expire_leases
from tests.delivery.ledgers import (
    as_log_tells,
    execute,
    own_database,
    plan_users,
    refused,
    row,
    states,
    take,
    take_one,
    told_by_log,
)

RUNS = iter(range(10_000))


@pytest.fixture(scope="module")
def ledger(postgres_url: str, template_url: str) -> Iterator[sa.Engine]:
    with own_database(postgres_url, template_url) as engine:
        yield engine


@pytest.fixture
def claimed(ledger: sa.Engine) -> Claim:
    """The claim of u1, in a run of the test's own."""
    run = f"run-{next(RUNS)}"
    plan_users(ledger, "u1", run=run)
    return take_one(ledger, run=run)


def write(engine: sa.Engine, claimed: Claim, answer: Answer) -> int:
    with engine.begin() as connection:
        return settle(connection, [(claimed, settlement_of(answer, claimed.attempt))])


def expire(engine: sa.Engine) -> None:
    execute(engine, "UPDATE cutover.send_ledger SET lease_until = '2000-01-01Z' WHERE state = 'sending'")
    with engine.begin() as connection:
        expire_leases(connection)


@pytest.mark.parametrize(
    ("answer", "attempt", "settlement"),
    [
        (Accepted("m1"), 1, Settlement(state="accepted", evidence="answer", message_id="m1")),
        (Accepted(), 1, Settlement(state="accepted", evidence="answer")),
        (Refused("http_400"), 1, Settlement(state="failed", reason="http_400")),
        (Unconfirmed("read_timeout"), 1, Settlement(state="unconfirmed", reason="read_timeout")),
        (NotAccepted("http_503"), 1, Settlement(state="planned", reason="http_503", delay=1.0)),
        (NotAccepted("http_503"), 4, Settlement(state="planned", reason="http_503", delay=8.0)),
        (NotAccepted("http_503"), 5, Settlement(state="planned", reason="http_503", delay=LONGEST_DELAY)),
        (NotAccepted("http_503"), 2**31 - 1, Settlement(state="planned", reason="http_503", delay=LONGEST_DELAY)),
        (NotAccepted("http_429", 9.0, throttled=True), 7, Settlement(state="planned", reason="http_429")),
        (Refused("x" * 301), 1, Settlement(state="failed", reason="x" * 300)),
        (Unconfirmed("a\x00b"), 1, Settlement(state="unconfirmed", reason="a b")),
        (Refused(""), 1, Settlement(state="failed", reason="no reason given")),
    ],
)
def test_what_an_answer_means(answer: Answer, attempt: int, settlement: Settlement) -> None:
    assert settlement_of(answer, attempt) == settlement


@pytest.mark.parametrize(
    ("answer", "state", "reason", "evidence", "message_id"),
    [
        (Accepted("m1"), "accepted", None, "answer", "m1"),
        (Refused("http_400"), "failed", "http_400", None, None),
        (Unconfirmed("read_timeout"), "unconfirmed", "read_timeout", None, None),
        (NotAccepted("http_503"), "planned", "http_503", None, None),
    ],
)
def test_an_answer_is_written_down_once(
    ledger: sa.Engine,
    claimed: Claim,
    answer: Answer,
    state: str,
    reason: str | None,
    evidence: str | None,
    message_id: str | None,
) -> None:
    assert write(ledger, claimed, answer) == 1
    held = row(ledger, "u1", claimed.run)
    found = tuple(held[name] for name in ("state", "reason", "evidence", "message_id", "lease_until"))
    assert found == (state, reason, evidence, message_id, None)
    assert write(ledger, claimed, answer) == int(state in ("accepted", "unconfirmed"))
    assert row(ledger, "u1", claimed.run)["changed_at"] == held["changed_at"]
    assert refused(ledger) == []
    assert told_by_log(ledger, claimed.run) == as_log_tells(ledger, claimed.run)


@pytest.mark.parametrize("answer", [Accepted("m1"), Refused("http_400"), NotAccepted("http_503")])
def test_a_late_answer_settles_what_had_become_unconfirmed(ledger: sa.Engine, claimed: Claim, answer: Answer) -> None:
    expire(ledger)
    assert row(ledger, "u1", claimed.run)["state"] == "unconfirmed"
    assert write(ledger, claimed, answer) == 1
    assert row(ledger, "u1", claimed.run)["state"] == settlement_of(answer, 1).state
    assert refused(ledger) == []
    assert told_by_log(ledger, claimed.run) == as_log_tells(ledger, claimed.run)


@pytest.mark.parametrize("answer", [Accepted("m1"), Refused("http_400"), NotAccepted("x"), Unconfirmed("x")])
def test_I2_only_the_attempt_that_asked_is_answered(ledger: sa.Engine, claimed: Claim, answer: Answer) -> None:
    write(ledger, claimed, NotAccepted("http_429", throttled=True))
    (again,) = take(ledger, run=claimed.run).claims
    assert again.attempt == 2
    before = row(ledger, "u1", claimed.run)
    assert write(ledger, claimed, answer) == 0
    assert row(ledger, "u1", claimed.run) == before


@pytest.mark.parametrize("answer", [Refused("http_400"), NotAccepted("http_503"), Unconfirmed("read_timeout")])
def test_better_evidence_stays(ledger: sa.Engine, claimed: Claim, answer: Answer) -> None:
    expire(ledger)
    with ledger.begin() as connection:
        unconfirmed.mark_sent(connection, claimed.run, ["u1"], by="ann", why="in the records")
    assert write(ledger, claimed, answer) == 0
    assert row(ledger, "u1", claimed.run)["state"] == "accepted"


def test_what_was_accepted_by_other_evidence_still_learns_its_message_id(ledger: sa.Engine, claimed: Claim) -> None:
    expire(ledger)
    with ledger.begin() as connection:
        unconfirmed.mark_sent(connection, claimed.run, ["u1"], by="ann", why="in the records")
    assert write(ledger, claimed, Accepted("m1")) == 1
    held = row(ledger, "u1", claimed.run)
    found = tuple(held[name] for name in ("evidence", "decided_by", "reason", "message_id"))
    assert found == ("person", "ann", "in the records", "m1")
    assert refused(ledger) == []


def test_I2_an_acceptance_that_comes_in_after_a_release_stops_the_second_e_mail(
    ledger: sa.Engine, claimed: Claim
) -> None:
    expire(ledger)
    with ledger.begin() as connection:
        unconfirmed.release(connection, claimed.run, ["u1"], by="ann", why="nothing in the records yet")
    assert write(ledger, claimed, Accepted("m1")) == 1
    assert row(ledger, "u1", claimed.run)["state"] == "accepted"
    assert not take(ledger, run=claimed.run).claims
    assert refused(ledger) == []


def test_an_answer_with_a_reason_that_does_not_fit_costs_none_of_those_settled_with_it(ledger: sa.Engine) -> None:
    run = f"run-{next(RUNS)}"
    plan_users(ledger, "u1", "u2", "u3", "u4", run=run)
    answers: list[Answer] = [Refused("\x00" * 999), NotAccepted(""), Unconfirmed("é" * 999), Accepted("m4")]
    claims = sorted(take(ledger, run=run).claims, key=lambda each: each.user_id)
    with ledger.begin() as connection:
        found = [(each, settlement_of(answer, 1)) for each, answer in zip(claims, answers, strict=True)]
        assert settle(connection, found) == 4
    assert states(ledger, run) == {"u1": "failed", "u2": "planned", "u3": "unconfirmed", "u4": "accepted"}
    assert refused(ledger) == []
    assert told_by_log(ledger, run) == as_log_tells(ledger, run)


def test_settling_nothing_is_nothing(ledger: sa.Engine) -> None:
    with ledger.begin() as connection:
        assert settle(connection, []) == 0
