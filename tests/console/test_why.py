"""`why`: one word, one sentence and every fact behind an e-mail or its absence."""

import json
from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import pytest
import sqlalchemy as sa

from console.failures import Exit
from console.why import Why, why
from events import (
    DayStarted,
    EmailDelivered,
    UserId,
    UserRegistered,
    WeekStarted,
    advance_to_end,
    emit,
    open_checkpoints,
    sequence_all,
)
from events.subscription import Subscriptions
from handlers.delivery.ledger import plan, settle
from handlers.delivery.provider import Accepted, Answer, NotAccepted, Refused, Unconfirmed
from handlers.delivery.settlement import settlement_of
from handlers.tracking.fold import tracking_subscription
from shadow.recorder import open_run
from tests.console import commands
from tests.delivery.ledgers import MONDAY, PARTITIONS, RUN, own_database, row, take, wish

DAY = "2026-11-20"
SILENT = "2026-W46"
FATES: dict[str, Answer] = {
    "accepted": Accepted("m1"),
    "failed": Refused("http_400 no valid address"),
    "unconfirmed": Unconfirmed("read_timeout"),
    "tried": NotAccepted("http_503"),
}


@pytest.fixture(scope="module")
def engine(postgres_url: str, template_url: str) -> Iterator[sa.Engine]:
    """A week that sends, with a user of each fate."""
    with own_database(postgres_url, template_url) as engine:
        began: dict[str, Any] = {"scheduled_at": MONDAY, "occurred_at": MONDAY}
        runs = (
            WeekStarted(run=RUN, sends=True, **began),
            WeekStarted(run=SILENT, **began),
            DayStarted(run=DAY, **began),
        )
        with engine.begin() as connection:
            early = MONDAY - timedelta(days=1)
            for user_id in (*FATES, "planned", "unwilling", "later"):
                emit(connection, UserRegistered(user_id=UserId(user_id), occurred_at=early))
            emit(connection, *runs)
            emit(connection, UserRegistered(user_id=UserId("too_late"), occurred_at=MONDAY))
        sequence_all(engine, PARTITIONS)
        with engine.begin() as connection:
            for event in runs:
                position = connection.scalar(
                    sa.text("SELECT position FROM cutover.events WHERE event_id = :id"), {"id": event.event_id}
                )
                assert position is not None
                open_run(connection, event, position)
            plan(connection, RUN, "legacy", [(user_id, None) for user_id in (*FATES, "unwilling")], **_LIMITS)
        wish(engine, "unwilling", mail=False, after=60.0)
        _send(engine)
        with engine.begin() as connection:
            plan(connection, RUN, "legacy", [("planned", None)], **_LIMITS)
        _deliver(engine)
        yield engine


_LIMITS: dict[str, Any] = {"partitions": PARTITIONS, "send_within": 3600.0}


def _send(engine: sa.Engine) -> None:
    claims = take(engine).claims
    with engine.begin() as connection:
        settle(connection, [(each, settlement_of(FATES[each.user_id], each.attempt)) for each in claims])


def _deliver(engine: sa.Engine) -> None:
    subscriptions = Subscriptions([tracking_subscription()])
    with engine.begin() as connection:
        send_id = row(engine, "accepted")["send_id"]
        at = MONDAY + timedelta(minutes=5)
        emit(connection, EmailDelivered(run=RUN, user_id="accepted", send_id=send_id, occurred_at=at))
        open_checkpoints(connection, subscriptions, PARTITIONS)
    sequence_all(engine, PARTITIONS)
    advance_to_end(engine, subscriptions, "tracking", 0)


def answer(engine: sa.Engine, user_id: str, run: str = RUN) -> Why:
    with engine.connect() as connection:
        found = why(connection, run, user_id)
    assert found is not None
    return found


@pytest.mark.parametrize(
    ("user_id", "code", "words", "chain"),
    [
        (
            "accepted",
            "accepted",
            "accepted the e-mail (evidence: answer) and tells: delivered",
            "Planned Accepted Delivered",
        ),
        ("failed", "failed", "refused the e-mail for good: http_400 no valid address", "Planned Failed"),
        ("unconfirmed", "unconfirmed", "nobody knows yet whether it was accepted: read_timeout", "Planned Unconfirmed"),
        ("tried", "waiting", "waits for its turn; it was tried before: http_503", "Planned"),
        ("planned", "waiting", "planned and waits for its turn.", "Planned"),
    ],
)
def test_the_whole_chain_is_told(engine: sa.Engine, user_id: str, code: str, words: str, chain: str) -> None:
    found = answer(engine, user_id)
    assert (found.code, found.run, found.user) == (code, RUN, user_id)
    assert words in found.sentence
    assert [fact.type for fact in found.chain] == ["WeekStarted", *(f"Email{each}" for each in chain.split())]
    assert found.ledger["state"] == {"waiting": "planned"}.get(code, code)


def test_who_unsubscribed_is_told_so_and_when(engine: sa.Engine) -> None:
    found = answer(engine, "unwilling")
    assert (found.code, found.sentence) == ("unsubscribed", "No e-mail: unsubscribed.")
    assert sorted(fact.type for fact in found.chain) == sorted(
        ["WeekStarted", "EmailPlanned", "UserUnsubscribed", "EmailSuppressed"]
    )
    assert [fact.position for fact in found.chain] == sorted(fact.position for fact in found.chain)


@pytest.mark.parametrize(
    ("user_id", "run", "code"),
    [
        ("nobody", RUN, "not_registered"),
        ("too_late", RUN, "not_registered"),
        ("later", RUN, "not_composed_yet"),
        ("accepted", DAY, "run_only_compares"),
        ("accepted", SILENT, "run_only_compares"),
        ("nobody", DAY, "not_registered"),
    ],
)
def test_who_is_not_in_the_ledger_is_told_why_not(engine: sa.Engine, user_id: str, run: str, code: str) -> None:
    found = answer(engine, user_id, run)
    assert (found.code, found.ledger) == (code, {})
    assert [fact.type for fact in found.chain] == ["DayStarted" if run == DAY else "WeekStarted"]


def test_a_run_that_never_began_has_no_answer(engine: sa.Engine) -> None:
    with engine.connect() as connection:
        assert why(connection, "2026-W99", "accepted") is None


@pytest.fixture(scope="module")
def said(engine: sa.Engine, redis_url: str, tmp_path_factory: pytest.TempPathFactory) -> dict[str, commands.Answer]:
    home = {
        "DATABASE_URL": engine.url.render_as_string(hide_password=False),
        "REDIS_URL": redis_url,
        "CUTOVER_STATE_DIR": str(tmp_path_factory.mktemp("state")),
        "CUTOVER_PARTITIONS": "1",
    }
    asked = {
        "people": ["why", RUN, "accepted"],
        "programs": ["why", RUN, "accepted", "--json"],
        "too late": ["why", RUN, "too_late"],
        "nobody": ["why", RUN, "nobody"],
        "no run": ["why", "2026-W40", "accepted"],
        "no week": ["why", "2026-40", "accepted"],
    }
    return commands.all_of(asked, home)


def test_the_command_says_it_to_people_and_programs(said: dict[str, commands.Answer]) -> None:
    assert [each.code for each in said.values()] == [Exit.GOOD] * 3 + [Exit.WRONG_USE] * 3
    for words in ("user accepted: accepted", "Owned by legacy, attempts: 1", "and tells: delivered"):
        assert words in " ".join(said["people"].stdout.split())
    found = json.loads(said["programs"].stdout)
    assert set(found) == {"run", "user", "code", "sentence", "decisions", "ledger", "chain"}
    assert {"position", "type", "occurred_at", "said"} == set(found["chain"][0])
    assert "not registered" in said["too late"].stdout
    assert "no user 'nobody' was ever registered" in said["nobody"].told
    assert "run '2026-W40' has not begun" in said["no run"].told
    assert "run '2026-40' is neither an ISO week such as" in said["no week"].told


def test_every_fact_is_named_where_the_output_goes_into_a_pipe(said: dict[str, commands.Answer]) -> None:
    assert all(kind in said["people"].stdout for kind in ("WeekStarted", "EmailPlanned", "EmailDelivered"))
