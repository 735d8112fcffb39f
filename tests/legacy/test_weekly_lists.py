"""Whom the batch sends what: held against the plain rule, and its most important sentences one by one."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import numpy as np
import psycopg
import pytest

from legacy_cron import weekly_recommendations
from legacy_cron.weekly_recommendations import Mail, Result, SendError, run
from tests.legacy.random_shop import opposite_words, random_shop
from tests.rule import plain_rule
from tests.rule.plain_rule import Send, Skip
from tests.rule.shop_tables import Line, Order, Product, Shop, T, User, connected, fill, prepare


@dataclass
class KeepingMailer:
    """Keeps every call; refuses the mails of the users in `refused`."""

    refused: frozenset[str] = frozenset()
    calls: list[tuple[str, Mail | str]] = field(default_factory=list)

    def send(self, mail: Mail) -> None:
        self.calls.append((mail.user_id, mail))
        if mail.user_id in self.refused:
            raise SendError("refused")

    def skip(self, user_id: str, reason: str) -> None:
        self.calls.append((user_id, reason))

    def outcomes(self) -> list[tuple[str, Skip | Send]]:
        return [(user_id, _outcome(call)) for user_id, call in self.calls]

    def mail(self, user_id: str) -> Mail:
        (mail,) = [call for called, call in self.calls if called == user_id]
        assert isinstance(mail, Mail)
        return mail


def _outcome(call: Mail | str) -> Skip | Send:
    if isinstance(call, str):
        return Skip(reason=call)
    html = plain_rule.page_content(call.html)
    return Send(subject=call.subject, text=call.text, html=html, items=call.items)


@pytest.fixture
def connection(fresh_database_url: str) -> Iterator[psycopg.Connection]:
    prepare(fresh_database_url, Shop())
    with connected(fresh_database_url) as connection:
        yield connection


def outcomes_of(connection: psycopg.Connection, shop: Shop, at: datetime = T) -> list[tuple[str, Skip | Send]]:
    """Run the batch over this shop and nothing else."""
    mailer = KeepingMailer()
    with connection.transaction(force_rollback=True):
        fill(connection, shop)
        run(connection, mailer, at)
    return mailer.outcomes()


def mug_shop(*orders: Order, products: int = 9) -> Shop:
    """Two users and some products: p1, p3, … are mugs, p2, p4, … are lamps."""
    return Shop(
        users=(User(user_id="ann"), User(user_id="bea")),
        products=tuple(Product(product_id=f"p{n}", name="Mug" if n % 2 else "Lamp") for n in range(1, products + 1)),
        orders=orders,
    )


def order(*product_ids: str, user: str = "ann", at: datetime = T) -> Order:
    return Order(
        order_id=f"{user}-{at.isoformat()}-{'-'.join(product_ids)}",
        user_id=user,
        lines=tuple(Line(product_id=product_id) for product_id in product_ids),
        placed_at=at,
    )


def items_of(outcomes: list[tuple[str, Skip | Send]], user_id: str) -> plain_rule.Items:
    outcome = dict(outcomes)[user_id]
    assert isinstance(outcome, Send)
    return outcome.items


@pytest.mark.parametrize("first_seed", range(0, 200, 40))
def test_every_user_of_a_random_shop_gets_exactly_what_the_rule_says(
    connection: psycopg.Connection, monkeypatch: pytest.MonkeyPatch, first_seed: int
) -> None:
    for seed in range(first_seed, first_seed + 40):
        monkeypatch.setattr(weekly_recommendations, "USERS_AT_ONCE", 1 + seed % 4)
        shop = random_shop(seed)
        actual, expected = outcomes_of(connection, shop), plain_rule.outcomes(shop, T)
        assert actual == expected, f"seed {seed}"
        assert repr(actual) == repr(expected), f"seed {seed}: 0.0 and -0.0 are equal, but not the same"


def test_the_random_shops_contain_every_kind_of_outcome() -> None:
    outcomes = [outcome for seed in range(200) for _, outcome in plain_rule.outcomes(random_shop(seed), T)]
    sends = [outcome for outcome in outcomes if isinstance(outcome, Send)]
    assert {outcome.reason for outcome in outcomes if isinstance(outcome, Skip)} == {
        "unsubscribed",
        "nothing_to_recommend",
    }
    assert {len(send.items) for send in sends} == {1, 2, 3, 4, 5}
    assert {"everybody" in send.subject for send in sends} == {True, False}
    assert any(score < 0 for send in sends for _, score in send.items)
    assert sum(len({score for _, score in send.items}) < len(send.items) for send in sends) > 100


@pytest.mark.parametrize(
    "name",
    [
        "",
        "?! _",
        "Mug mug MUG",
        "Straße STRASSE",
        "red_mug",
        "½ x² 7th",
        "été e\u0301te\u0301",
        "マグ 😀",
        *opposite_words(),
    ],
)
def test_a_product_vector_follows_from_the_name_as_the_rule_says(name: str) -> None:
    vector = weekly_recommendations.product_vector(name)
    assert vector.tolist() == pytest.approx(plain_rule.product_vector(name), abs=1e-15)


def test_among_more_products_tied_than_fit_the_lowest_ids_by_code_point_win(
    connection: psycopg.Connection,
) -> None:
    ids = ["z", "Z", "é", "10", "9", "a", "\uffee", "😀"]
    shop = Shop(
        users=(User(user_id="ann"),),
        products=tuple(Product(product_id=key, name="Mug") for key in [*ids, "bought"]),
        orders=(order("bought"),),
    )
    assert items_of(outcomes_of(connection, shop), "ann") == (
        ("10", 1.0),
        ("9", 1.0),
        ("Z", 1.0),
        ("a", 1.0),
        ("z", 1.0),
    )


def test_scores_that_differ_only_past_the_sixth_decimal_are_tied(connection: psycopg.Connection) -> None:
    late = T + timedelta(microseconds=1)
    shop = Shop(
        users=(User(user_id="ann"),),
        products=tuple(
            Product(product_id=key, name=name)
            for key, name in [
                ("bought-1", "Mug"),
                ("bought-2", "Lamp"),
                *((f"a{n}", "Mug") for n in range(3)),
                *((f"b{n}", "Lamp") for n in range(3)),
            ]
        ),
        orders=(order("bought-1"), order("bought-2", at=late)),
    )
    ids = [product_id for product_id, _ in items_of(outcomes_of(connection, shop), "ann")]
    assert ids == ["a0", "a1", "a2", "b0", "b1"]


def test_a_score_that_rounds_to_minus_zero_is_zero() -> None:
    (items,) = weekly_recommendations.best_items(np.array([[-1e-9, 1e-9, -np.inf, -0.0]]))
    assert repr(items) == "[(0, 0.0), (1, 0.0), (3, 0.0)]"


def test_a_run_over_the_same_shop_twice_hands_out_the_same_mails(connection: psycopg.Connection) -> None:
    shop = random_shop(7)
    assert outcomes_of(connection, shop) == outcomes_of(connection, shop)


def test_users_are_called_once_each_by_code_point_of_their_ids(connection: psycopg.Connection) -> None:
    ids = ["b", "B", "é", "e", "10", "9", "😀", "\uffee", "-"]
    outcomes = outcomes_of(connection, Shop(users=tuple(User(user_id=key) for key in ids)))
    assert [user_id for user_id, _ in outcomes] == sorted(ids)


def test_unsubscribed_is_the_reason_even_when_there_is_nothing_to_recommend(
    connection: psycopg.Connection,
) -> None:
    users = (User(user_id="ann", subscribed=False), User(user_id="bea"))
    assert outcomes_of(connection, Shop(users=users)) == [
        ("ann", Skip(reason="unsubscribed")),
        ("bea", Skip(reason="nothing_to_recommend")),
    ]


def test_an_order_exactly_52_weeks_old_counts_and_an_older_one_does_not(
    connection: psycopg.Connection,
) -> None:
    edge = T - timedelta(weeks=52)
    counts = outcomes_of(connection, mug_shop(order("p1", at=edge)))
    too_old = outcomes_of(connection, mug_shop(order("p1", at=edge - timedelta(microseconds=1))))
    assert items_of(counts, "ann")[0] == ("p3", 1.0)
    assert dict(too_old)["ann"] == Skip(reason="nothing_to_recommend")


def test_an_order_placed_after_the_scheduled_time_counts(connection: psycopg.Connection) -> None:
    outcomes = outcomes_of(connection, mug_shop(order("p1", at=T + timedelta(hours=1))))
    assert items_of(outcomes, "ann")[0] == ("p3", 1.0)


def test_purchases_that_cancel_out_lead_to_popular_products_not_bought_before(
    connection: psycopg.Connection,
) -> None:
    plus, minus = opposite_words()
    products = (Product(product_id="p1", name=plus), Product(product_id="p2", name=minus))
    extra = Product(product_id="p3", name="Mug")
    shop = Shop(
        users=(User(user_id="ann"), User(user_id="bea")),
        products=(*products, extra),
        orders=(order("p1", "p2"), order("p3", user="bea")),
    )
    outcome = dict(outcomes_of(connection, shop))["ann"]
    assert isinstance(outcome, Send)
    assert outcome.items == (("p3", 1.0),)
    assert outcome.subject == "Ann, this is what everybody is buying"


def test_a_purchase_of_an_unknown_product_is_history_without_taste(connection: psycopg.Connection) -> None:
    shop = mug_shop(order("gone"), order("gone", "p4", user="bea"))
    outcomes = outcomes_of(connection, shop)
    assert items_of(outcomes, "ann") == (("p4", 1.0),)
    assert items_of(outcomes, "bea")[0] == ("p2", 1.0)


def test_scheduled_time_in_another_time_zone_gives_the_same_lists(connection: psycopg.Connection) -> None:
    at = datetime(2026, 3, 30, 10, tzinfo=ZoneInfo("Europe/London"))  # a day after the clocks went forward
    in_utc = at.astimezone(UTC)
    shop = mug_shop(order("p1", user="bea", at=in_utc - timedelta(weeks=4)))
    assert items_of(outcomes_of(connection, shop, at), "ann") == (("p1", 1.0),)
    assert outcomes_of(connection, shop, at) == outcomes_of(connection, shop, in_utc)


def test_a_scheduled_time_without_an_offset_is_refused(connection: psycopg.Connection) -> None:
    with pytest.raises(ValueError, match="expected a time with a UTC offset"):
        run(connection, KeepingMailer(), T.replace(tzinfo=None))


def test_one_refused_mail_is_counted_and_the_batch_goes_on(connection: psycopg.Connection) -> None:
    mailer = KeepingMailer(refused=frozenset({"ann"}))
    fill(connection, mug_shop(order("p1"), order("p1", user="bea")))
    assert run(connection, mailer, T) == Result(sent=1, skipped=0, failed=1)
    assert mailer.mail("bea").items


def test_any_other_error_of_the_mailer_stops_the_batch(connection: psycopg.Connection) -> None:
    class BrokenMailer(KeepingMailer):
        def send(self, mail: Mail) -> None:
            super().send(mail)
            raise RuntimeError("the ledger is gone")

    mailer = BrokenMailer()
    fill(connection, mug_shop(order("p1"), order("p1", user="bea")))
    with pytest.raises(RuntimeError, match="the ledger is gone"):
        run(connection, mailer, T)
    assert [user_id for user_id, _ in mailer.calls] == ["ann"]


def test_an_order_committed_after_the_snapshot_is_not_seen(fresh_database_url: str) -> None:
    prepare(fresh_database_url, mug_shop(order("p1")))
    before, after = KeepingMailer(), KeepingMailer()
    with connected(fresh_database_url) as snapshot, connected(fresh_database_url) as shop:
        snapshot.isolation_level = psycopg.IsolationLevel.REPEATABLE_READ
        snapshot.execute("SELECT count(*) FROM shop.orders")
        fill(shop, Shop(users=(User(user_id="cy"),), orders=(order("p2", "p3", user="bea"),)))
        shop.commit()
        run(snapshot, before, T)
        run(shop, after, T)
    assert [user_id for user_id, _ in before.calls] == ["ann", "bea"]
    assert before.mail("bea").items == (("p1", 1.0),)
    assert [user_id for user_id, _ in after.calls] == ["ann", "bea", "cy"]
    assert after.mail("bea").items != before.mail("bea").items


def test_the_transaction_handed_in_is_neither_committed_nor_ended(fresh_database_url: str) -> None:
    prepare(fresh_database_url, Shop())
    with connected(fresh_database_url) as connection:
        fill(connection, mug_shop(order("p1")))
        (transaction,) = connection.execute("SELECT pg_current_xact_id()::text").fetchone() or ()
        run(connection, KeepingMailer(), T)
        assert connection.execute("SELECT pg_current_xact_id()::text").fetchone() == (transaction,)
        connection.rollback()
        assert connection.execute("SELECT count(*) FROM shop.users").fetchone() == (0,)


def test_a_connection_that_returns_rows_as_dictionaries_will_do(fresh_database_url: str) -> None:
    prepare(fresh_database_url, mug_shop(order("p1")))
    mailer = KeepingMailer()
    with connected(fresh_database_url) as connection:
        connection.row_factory = psycopg.rows.dict_row  # type: ignore[assignment]
        run(connection, mailer, T)
    assert mailer.mail("ann").items[0] == ("p3", 1.0)
