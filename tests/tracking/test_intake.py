"""The intake: news become events, each fact once, and wishes reach the main app."""

from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime, timedelta

import pytest
import sqlalchemy as sa

from console.web.shop import addresses_in_shop, unsubscribe_in_shop
from events import head, read, sequence_all
from handlers.tracking import Intake, Taken, decode_news
from sandbox.shop.actions import RegisterUser, Resubscribe
from sandbox.shop.shop import perform
from tests.tracking.mailbox import AT, RUN, Wishes, body, ledger_row, ledger_rows, nobody, outbox, planned_rows, told

WHEN = datetime.fromtimestamp(AT, UTC)

Take = Callable[..., Taken]


@pytest.fixture
def wishes() -> Wishes:
    return Wishes()


@pytest.fixture
def take(database: sa.Engine, wishes: Wishes) -> Take:
    intake = Intake(addresses_in_shop, wishes)

    def take(*objects: Mapping[str, object]) -> Taken:
        with database.begin() as connection:
            return intake.take(connection, decode_news(body(*objects)))

    return take


def register(database: sa.Engine, user_id: str, email: str = "somebody@example.com") -> None:
    with database.begin() as connection:
        perform(connection, RegisterUser(at=WHEN - timedelta(days=9), user_id=user_id, name="Ann", email=email))
        connection.execute(sa.text("DELETE FROM cutover.outbox"))


def logged(database: sa.Engine) -> list[str]:
    """The ids of all events in the log, after sequencing."""
    sequence_all(database, 4)
    with database.connect() as connection:
        return list(connection.scalars(sa.text("SELECT event_id FROM cutover.events ORDER BY position")))


def test_every_kind_becomes_its_event(database: sa.Engine, take: Take) -> None:
    send_id = ledger_row(database, "u1")
    kinds = ["processed", "deferred", "delivered", "bounce", "dropped", "open", "click", "spamreport", "unsubscribe"]
    taken = take(*[told(kind, send_id=send_id) for kind in kinds])
    assert taken == Taken(logged=9, repeated=0, unknown=0, ignored=0, malformed=0)
    assert [type_ for type_, _ in outbox(database)] == [
        "EmailProcessed",
        "EmailDeferred",
        "EmailDelivered",
        "EmailBounced",
        "EmailDropped",
        "EmailOpened",
        "EmailClicked",
        "EmailSpamReported",
        "EmailUnsubscribed",
    ]


def test_an_event_says_run_user_time_and_what_its_kind_adds_and_no_address(database: sa.Engine, take: Take) -> None:
    send_id = ledger_row(database, "u1")
    take(
        told("bounce", send_id=send_id, type="bounce", status="5.1.1", reason="550 somebody@example.com unknown"),
        told("open", send_id=send_id, sg_machine_open=True),
    )
    with database.connect() as connection:
        bounced, opened = connection.scalars(sa.text("SELECT data FROM cutover.outbox ORDER BY id"))
    about = {"run": RUN, "user_id": "u1", "send_id": send_id, "occurred_at": "2026-11-23T09:00:00Z"}
    assert bounced == about | {"permanent": True, "code": "5.1.1"}
    assert opened == about | {"machine": True}


def test_without_arguments_the_providers_message_id_tells(database: sa.Engine, take: Take) -> None:
    ledger_row(database, "u1", message_id="14c5")
    taken = take(told("open", sg_message_id="14c5.filter0001"), told("open", sg_message_id="99.filter0001"))
    assert (taken.logged, taken.unknown) == (1, 1)
    assert outbox(database) == [("EmailOpened", "u1")]


def test_without_either_the_address_and_the_run_tell(database: sa.Engine, take: Take) -> None:
    register(database, "u1", "Ann@Example.com")
    ledger_row(database, "u1")
    kinds = ["bounce", "dropped", "deferred", "delivered", "spamreport"]
    taken = take(*[told(kind, email="ann@example.COM", category=["weekly", RUN]) for kind in kinds])
    assert (taken.logged, taken.unknown) == (5, 0)
    assert {user_id for _, user_id in outbox(database)} == {"u1"}


@pytest.mark.parametrize("kind", ["processed", "open", "click", "unsubscribe"])
def test_kinds_that_always_carry_the_arguments_are_not_guessed_by_address(
    database: sa.Engine, take: Take, kind: str
) -> None:
    register(database, "u1")
    ledger_row(database, "u1")
    assert take(told(kind, category=RUN)).unknown == 1


def test_an_address_that_two_users_share_tells_nobody(database: sa.Engine, take: Take) -> None:
    register(database, "u1")
    register(database, "u2")
    ledger_rows(database, ["u1", "u2"])
    assert take(told("delivered", category=RUN)).unknown == 1
    assert outbox(database) == []


def test_an_address_tells_nothing_of_an_email_that_was_never_claimed(database: sa.Engine, take: Take) -> None:
    register(database, "u1")
    planned_rows(database, ["u1"])
    assert take(told("delivered", category=RUN)).unknown == 1


def test_other_mail_of_the_same_account_is_counted_and_not_stored(database: sa.Engine, take: Take) -> None:
    register(database, "u1")
    ledger_row(database, "u1")
    taken = take(
        told("delivered", send_id="of-another-application"),
        told("delivered", send_id="of-another-application", category=RUN),
        told("delivered", category="invoices"),
        told("delivered"),
        told("delivered", email="stranger@example.com", category=RUN),
        told("group_resubscribe"),
        told("open", timestamp="soon"),
    )
    assert taken == Taken(logged=0, repeated=0, unknown=5, ignored=1, malformed=1)
    assert outbox(database) == []


def test_46_copies_under_new_ids_are_the_same_events_once(database: sa.Engine, take: Take) -> None:
    send_id = ledger_row(database, "u1")
    kinds = ("processed", "delivered", "open")
    one_body = [told(kind, send_id=send_id, sg_event_id=f"{kind}{copy}") for copy in range(46) for kind in kinds]
    assert take(*one_body) == Taken(logged=3, repeated=135, unknown=0, ignored=0, malformed=0)
    for copy in range(46):
        take(*[told(kind, send_id=send_id, sg_event_id=f"again{copy}") for kind in kinds])
    assert len(logged(database)) == 3
    with database.connect() as connection:
        assert connection.scalar(sa.text("SELECT count(*) FROM cutover.refused_events")) == 0


def test_news_in_any_order_and_by_any_way_is_the_same_events(database: sa.Engine, take: Take) -> None:
    register(database, "u1")
    send_id = ledger_row(database, "u1", message_id="14c5")
    take(told("open", send_id=send_id, timestamp=AT + 9))
    take(told("delivered", sg_message_id="14c5.x", timestamp=AT + 5))
    take(told("processed", send_id=send_id), told("delivered", category=RUN, timestamp=AT + 5))
    take(told("delivered", send_id=send_id, timestamp=AT + 5))
    ids = sorted(event_id.split(":")[0] for event_id in logged(database))
    assert ids == ["EmailDelivered", "EmailOpened", "EmailProcessed"]


def test_a_person_and_a_machine_in_the_same_second_are_two_facts(database: sa.Engine, take: Take) -> None:
    send_id = ledger_row(database, "u1")
    assert take(told("open", send_id=send_id), told("open", send_id=send_id, sg_machine_open=True)).logged == 2


def test_wishes_reach_the_main_app_once_each_by_user_and_time(database: sa.Engine, take: Take, wishes: Wishes) -> None:
    second, first = ledger_rows(database, ["u2", "u1"])
    take(
        told("spamreport", send_id=second),
        told("group_unsubscribe", send_id=first, timestamp=AT + 5),
        told("unsubscribe", send_id=first),
        told("unsubscribe", send_id=first),
        told("click", send_id=first),
    )
    assert wishes.heard == [("u1", WHEN), ("u1", WHEN + timedelta(seconds=5)), ("u2", WHEN)]


@pytest.mark.parametrize("sequenced", [False, True])
def test_a_wish_told_again_is_not_passed_on_again(
    database: sa.Engine, take: Take, wishes: Wishes, sequenced: bool
) -> None:
    send_id = ledger_row(database, "u1")
    take(told("unsubscribe", send_id=send_id))
    if sequenced:
        sequence_all(database, 4)
    take(told("unsubscribe", send_id=send_id), told("spamreport", send_id=send_id))
    assert len(wishes.heard) == 2, "once for the unsubscription, once for the spam report"


def test_the_wish_the_event_and_the_shop_change_in_one_transaction(database: sa.Engine) -> None:
    register(database, "u1")
    send_id = ledger_row(database, "u1")
    intake = Intake(nobody, unsubscribe_in_shop)
    with database.connect() as connection:
        intake.take(connection, decode_news(body(told("unsubscribe", send_id=send_id))))
        connection.rollback()
    assert (outbox(database), unsubscribed_at(database, "u1")) == ([], None)
    with database.begin() as connection:
        intake.take(connection, decode_news(body(told("unsubscribe", send_id=send_id))))
    assert unsubscribed_at(database, "u1") == WHEN
    assert sorted(outbox(database)) == [("EmailUnsubscribed", "u1"), ("UserUnsubscribed", "u1")]


def unsubscribed_at(database: sa.Engine, user_id: str) -> datetime | None:
    with database.connect() as connection:
        statement = sa.text("SELECT unsubscribed_at FROM shop.users WHERE user_id = :user_id")
        at: datetime | None = connection.scalar(statement, {"user_id": user_id})
        return at


def wish(database: sa.Engine, at: datetime, user_id: str = "u1") -> None:
    with database.begin() as connection:
        unsubscribe_in_shop(connection, user_id, at)


def resubscribe(database: sa.Engine, at: datetime) -> None:
    with database.begin() as connection:
        perform(connection, Resubscribe(at=at, user_id="u1"))


def test_the_shop_hears_a_wish_once_and_none_of_an_unknown_user(database: sa.Engine) -> None:
    register(database, "u1")
    wish(database, WHEN)
    wish(database, WHEN + timedelta(hours=1))
    wish(database, WHEN, "gone")
    assert outbox(database) == [("UserUnsubscribed", "u1")]


@pytest.mark.parametrize("sequenced", [False, True])
def test_a_late_wish_does_not_undo_a_later_decision(database: sa.Engine, sequenced: bool) -> None:
    register(database, "u1")
    wish(database, WHEN)
    resubscribe(database, WHEN + timedelta(hours=1))
    if sequenced:
        sequence_all(database, 4)
    wish(database, WHEN + timedelta(minutes=30))
    assert unsubscribed_at(database, "u1") is None
    wish(database, WHEN + timedelta(hours=2))
    assert unsubscribed_at(database, "u1") == WHEN + timedelta(hours=2)


def test_a_wish_dated_before_registering_counts_from_registering(database: sa.Engine) -> None:
    register(database, "u1")
    wish(database, WHEN - timedelta(days=400))
    assert unsubscribed_at(database, "u1") == WHEN - timedelta(days=9)


def test_a_full_batch_of_every_way_is_taken(database: sa.Engine) -> None:
    users = [f"u{number}" for number in range(1000)]
    send_ids = ledger_rows(database, users, message_ids={user_id: f"m{user_id}" for user_id in users})
    asked: list[Sequence[str]] = []

    def addressbook(_connection: sa.Connection, addresses: Sequence[str]) -> Mapping[str, Sequence[str]]:
        asked.append(addresses)
        return {address: [address.partition("@")[0]] for address in addresses}

    found = dict(zip(users, send_ids, strict=True))
    ways: list[Callable[[str], dict[str, object]]] = [
        lambda user_id: {"send_id": found[user_id]},
        lambda user_id: {"sg_message_id": f"m{user_id}.filter"},
        lambda user_id: {"email": f"{user_id}@example.com", "category": [RUN]},
    ]
    objects = [told("delivered", **ways[number % 3](user_id)) for number, user_id in enumerate(users)]
    with database.begin() as connection:
        taken = Intake(addressbook, Wishes()).take(connection, decode_news(body(*objects)))
    assert (taken.logged, taken.unknown, len(asked)) == (1000, 0, 1)
    sequence_all(database, 4)
    with database.connect() as connection:
        recorded = read(
            connection, types=["EmailDelivered"], partition=None, after=0, upto=head(connection), limit=2000
        )
    assert {item.event.key() for item in recorded} == set(users)
