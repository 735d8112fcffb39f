"""The fold of provider news: each kind's first time, whatever order, repetition and batches it comes in."""

import itertools
from collections.abc import Iterator, Sequence
from datetime import timedelta

import pytest
import sqlalchemy as sa
from hypothesis import given, settings
from hypothesis import strategies as st

from events import (
    Batch,
    EmailBounced,
    EmailClicked,
    EmailDeferred,
    EmailDelivered,
    EmailDropped,
    EmailOpened,
    EmailProcessed,
    EmailSpamReported,
    EmailUnsubscribed,
    Event,
    ProviderEvent,
    UserId,
    UserResubscribed,
    advance_to_end,
    emit,
    open_checkpoints,
    sequence_all,
)
from events.log import Recorded
from events.subscription import Subscriptions
from handlers.tracking.fold import NEWS, fold, tracking_subscription
from tests.delivery.ledgers import MONDAY, PARTITIONS, emitted, own_database, put, refused, row, states, wish

_runs = (f"run-{number}" for number in itertools.count(1))

PLAIN = (
    EmailProcessed,
    EmailDeferred,
    EmailDelivered,
    EmailDropped,
    EmailClicked,
    EmailSpamReported,
    EmailUnsubscribed,
)


@pytest.fixture(scope="module")
def ledger(postgres_url: str, template_url: str) -> Iterator[sa.Engine]:
    with own_database(postgres_url, template_url) as engine:
        yield engine


def told(kind: str, run: str, user_id: str, second: int) -> ProviderEvent:
    """What the provider tells of this user's e-mail, so many seconds after Monday 9:00."""
    send_id, at = f"s-{user_id}", MONDAY + timedelta(seconds=second)
    if kind in ("opened", "machine_opened"):
        return EmailOpened(run=run, user_id=user_id, send_id=send_id, occurred_at=at, machine=kind == "machine_opened")
    if kind in ("bounced", "blocked"):
        permanent = kind == "bounced"
        return EmailBounced(run=run, user_id=user_id, send_id=send_id, occurred_at=at, permanent=permanent)
    (plain,) = (each for each in PLAIN if each.__name__.lower() == f"email{kind.replace('_', '')}")
    return plain(run=run, user_id=user_id, send_id=send_id, occurred_at=at)


def folded(engine: sa.Engine, *events: Event, upto: int = 0) -> None:
    with engine.begin() as connection:
        fold(connection, Batch(partition=0, after=0, events=[Recorded(upto, event) for event in events], upto=upto))


def position_of(engine: sa.Engine, user_id: str) -> int:
    """Where the log holds the one event about this user."""
    with engine.connect() as connection:
        statement = sa.text("SELECT position FROM cutover.events WHERE data ->> 'user_id' = :user_id")
        return int(connection.execute(statement, {"user_id": user_id}).scalar_one())


def undeliverable(engine: sa.Engine, prefix: str = "") -> dict[str, tuple[str, float]]:
    """Who cannot be mailed, why, and since how many seconds after Monday 9:00."""
    with engine.connect() as connection:
        rows = connection.execute(sa.text("SELECT * FROM cutover.undeliverable ORDER BY user_id"))
        return {
            found.user_id: (found.reason, (found.since - MONDAY).total_seconds())
            for found in rows
            if found.user_id.startswith(prefix)
        }


def news_of(engine: sa.Engine, run: str) -> list[tuple[object, ...]]:
    """All that the ledger knows of a run, but for what is random or the time of day."""
    columns = ", ".join(f"{name}_at" for name in NEWS)
    with engine.connect() as connection:
        statement = f"SELECT right(user_id, 2), state, evidence, reason, {columns} FROM cutover.send_ledger"
        rows = connection.execute(sa.text(f"{statement} WHERE run = :run ORDER BY user_id"), {"run": run})
        return [tuple(found) for found in rows]


KINDS = (*NEWS, "blocked")
STORIES = st.lists(st.tuples(st.sampled_from(KINDS), st.integers(1, 3), st.integers(0, 5)), min_size=1, max_size=10)


@settings(max_examples=40)
@given(STORIES, st.data())
def test_order_repetition_and_batches_make_no_difference(
    ledger: sa.Engine, stories: list[tuple[str, int, int]], data: st.DataObject
) -> None:
    ways: list[Sequence[tuple[str, int, int]]] = [stories]
    ways.append(data.draw(st.permutations([*stories, *data.draw(st.lists(st.sampled_from(stories), max_size=5))])))
    cuts = sorted(data.draw(st.lists(st.integers(0, len(ways[1])), max_size=4)))
    batches = [[len(stories)], [*cuts, len(ways[1])]]
    found = []
    for way, ends in zip(ways, batches, strict=True):
        run = next(_runs)
        for number, state in enumerate(("unconfirmed", "sending", "accepted"), 1):
            put(ledger, state, f"{run}-u{number}", run=run)
        events = [told(kind, run, f"{run}-u{number}", second) for kind, number, second in way]
        for start, end in itertools.pairwise([0, *ends]):
            folded(ledger, *events[start:end])
        barred = {user_id.removeprefix(run): why for user_id, why in undeliverable(ledger, run).items()}
        found.append((news_of(ledger, run), barred))
    assert found[0] == found[1]


@pytest.mark.parametrize("kind", KINDS)
def test_each_kind_has_its_column(ledger: sa.Engine, kind: str) -> None:
    run = next(_runs)
    put(ledger, "accepted", run, run=run)
    folded(ledger, told(kind, run, run, 7))
    known = {name for name in NEWS if row(ledger, run, run)[f"{name}_at"] is not None}
    assert known == {"bounced" if kind == "blocked" else kind}


def test_opens_by_machines_are_kept_apart(ledger: sa.Engine) -> None:
    run = next(_runs)
    put(ledger, "accepted", "u1", run=run)
    folded(ledger, told("machine_opened", run, "u1", 1), told("opened", run, "u1", 9))
    held = row(ledger, "u1", run)
    assert (held["machine_opened_at"], held["opened_at"]) == (
        MONDAY + timedelta(seconds=1),
        MONDAY + timedelta(seconds=9),
    )


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("state", ["planned", "sending", "unconfirmed", "failed", "suppressed"])
def test_news_proves_that_the_e_mail_was_accepted(ledger: sa.Engine, state: str, kind: str) -> None:
    run = next(_runs)
    put(ledger, state, run, run=run)
    folded(ledger, told(kind, run, run, 1))
    held = row(ledger, run, run)
    assert (held["state"], held["evidence"], held["reason"]) == ("accepted", "webhook", None)
    assert [(kind, data["evidence"]) for kind, data in emitted(ledger, run=run)] == [("EmailAccepted", "webhook")]


def test_what_is_known_to_be_accepted_keeps_its_evidence_and_tells_nothing(ledger: sa.Engine) -> None:
    run = next(_runs)
    put(ledger, "accepted", "u1", run=run)
    before = row(ledger, "u1", run)["changed_at"]
    folded(ledger, told("delivered", run, "u1", 1))
    held = row(ledger, "u1", run)
    assert (held["evidence"], held["changed_at"]) == ("answer", before)
    assert emitted(ledger, run=run) == []


def test_news_of_no_e_mail_of_ours_is_none(ledger: sa.Engine) -> None:
    run = next(_runs)
    put(ledger, "sending", "u1", run=run)
    folded(ledger, told("delivered", run, "u2", 1), told("delivered", "another", "u1", 1))
    assert states(ledger, run) == {"u1": "sending"}


@pytest.mark.parametrize(("kind", "reason"), [("bounced", "bounced"), ("spam_reported", "spam_reported")])
def test_who_bounced_for_good_or_calls_it_spam_gets_no_more(ledger: sa.Engine, kind: str, reason: str) -> None:
    run = next(_runs)
    folded(ledger, told(kind, run, run, 3))
    assert undeliverable(ledger, run)[run] == (reason, 3)


@pytest.mark.parametrize("kind", sorted(set(KINDS) - {"bounced", "spam_reported"}))
def test_nothing_else_ends_it(ledger: sa.Engine, kind: str) -> None:
    run = next(_runs)
    folded(ledger, told(kind, run, run, 3))
    assert run not in undeliverable(ledger, run)


@pytest.mark.parametrize(("second", "lifted"), [(2, False), (3, True), (4, True)])
def test_subscribing_again_lifts_what_was_before_it(ledger: sa.Engine, second: int, lifted: bool) -> None:
    user_id = next(_runs)
    again = UserResubscribed(user_id=UserId(user_id), occurred_at=MONDAY + timedelta(seconds=second))
    folded(ledger, told("bounced", "r", user_id, 3), again)
    assert (user_id not in undeliverable(ledger, user_id)) == lifted


def test_what_was_lifted_is_not_brought_back_by_what_is_told_late(ledger: sa.Engine) -> None:
    user_id = next(_runs)
    wish(ledger, user_id, mail=True, after=4, logged=True)
    again = position_of(ledger, user_id)
    folded(ledger, told("bounced", "r", user_id, 3), upto=again)
    assert user_id not in undeliverable(ledger, user_id)
    folded(ledger, told("bounced", "r", user_id, 5), upto=again)
    assert undeliverable(ledger, user_id)[user_id] == ("bounced", 5)


def test_I4_what_the_log_holds_further_on_does_not_count_yet(ledger: sa.Engine) -> None:
    user_id = next(_runs)
    wish(ledger, user_id, mail=True, after=4, logged=True)
    folded(ledger, told("bounced", "r", user_id, 3), upto=position_of(ledger, user_id) - 1)
    assert user_id in undeliverable(ledger, user_id)


def test_of_two_reasons_at_one_moment_one_counts_in_any_order(ledger: sa.Engine) -> None:
    reasons = set()
    for kinds in (("bounced", "spam_reported"), ("spam_reported", "bounced")):
        user_id = next(_runs)
        folded(ledger, *(told(kind, "r", user_id, 3) for kind in kinds))
        reasons.add(undeliverable(ledger, user_id)[user_id][0])
    assert len(reasons) == 1


def test_the_subscription_reads_all_of_it_from_the_log(ledger: sa.Engine) -> None:
    run = next(_runs)
    subscriptions = Subscriptions([tracking_subscription()])
    put(ledger, "unconfirmed", run, run=run)
    with ledger.begin() as connection:
        open_checkpoints(connection, subscriptions, PARTITIONS)
        emit(connection, *(told(kind, run, run, 1) for kind in KINDS))
    sequence_all(ledger, PARTITIONS)
    assert advance_to_end(ledger, subscriptions, "tracking", 0) >= len(KINDS)
    assert all(row(ledger, run, run)[f"{name}_at"] for name in NEWS)
    assert run in undeliverable(ledger, run)
    assert refused(ledger) == []
